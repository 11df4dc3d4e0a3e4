import { equal, ok } from "node:assert/strict";
import { commentBlock, stageSteps, withoutCommentBlock } from "./encryption_steps.ts";

const block = `${commentBlock(["a step", ""]).join("\n")}\n`;

Deno.test("withoutCommentBlock() removes exactly the block", () => {
  equal(withoutCommentBlock(`${block}kind: x\n`), "kind: x\n");
  equal(withoutCommentBlock(`# ours\n${block}# theirs\nkind: x\n`), "# ours\n# theirs\nkind: x\n");
  equal(withoutCommentBlock(`${block}${block}`.replaceAll("\n", "\r\n")).includes("a step"), true);
  equal(withoutCommentBlock("kind: x\n"), "kind: x\n");
});

Deno.test("withoutCommentBlock() keeps a block that was edited so that its end is uncertain", () => {
  const lines = block.split("\n");
  for (const changed of [lines.slice(1), lines.slice(0, -3), [lines[0], "kind: x", ...lines.slice(1)]]) {
    equal(withoutCommentBlock(changed.join("\n")), changed.join("\n"));
  }
});

Deno.test("stageSteps() have no line longer than the width of an editor", () => {
  for (const stage of ["read", "write", "final"] as const) {
    const written = [{ resources: ["secrets"], name: "trousseau" }, { resources: ["*.*"], name: "trousseau-2" }];
    for (const kmsVersion of ["v2", "v1beta1"] as const) {
      const lines = stageSteps({ socketPath: "/run/kms.sock", kmsVersion, stage, holdsKeys: true, written, notes: [] });
      for (const line of lines) ok(line.length <= 118, line);
      ok(lines.some((line) => line.includes("k8s:enc:kms")) === (stage !== "read"), stage);
    }
  }
});
