import { deepEqual } from "node:assert/strict";
import { decryptorsOf } from "./decryptors.ts";

const local = (name: string, ...formerly: string[]) => {
  return { name, formerly, settings: { kind: "local", name, keyFile: `/${name}.keys`, create: false } } as const;
};

Deno.test("decryptorsOf() counts retired providers as holders, and not those that only wrap", () => {
  const config = {
    file: "/c.yaml",
    providers: [local("a", "old"), local("r")],
    retired: [local("b")],
    forgotten: ["x"],
  };
  const kind = "local";
  const found = decryptorsOf(config, ({ name }) => name !== "r");
  deepEqual(found.holders, [{ name: "a", kind }, { name: "old", kind }, { name: "b", kind }]);
  deepEqual(found.wrapOnly, [{ name: "r", kind }]);
  deepEqual([found.forgotten, found.embedded], [["x"], false]);
  deepEqual(decryptorsOf(config).wrapOnly, [], "every kind of today can unwrap");
});
