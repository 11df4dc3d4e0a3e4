import { deepEqual, equal, match, ok, throws } from "node:assert/strict";
import fc from "fast-check";
import { inFolder } from "../../../tests/support/temporary_folder.ts";
import { run } from "../../../tests/support/processes.ts";
import { utf8 } from "../../base/bytes.ts";
import { type Dialect, dialects, environmentFile } from "./dialects.ts";

type Variables = Readonly<Record<string, string>>;

const write = (variables: Variables, dialect: Dialect) =>
  environmentFile(Object.entries(variables).map(([name, value]) => ({ name, value: utf8(value) })), dialect);

const holds = (value: string, dialect: Dialect) => {
  try {
    write({ A: value }, dialect);
    return true;
  } catch {
    return false;
  }
};

const texts = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({
    unit: fc.constantFrom("'", '"', "\\", "$", "`", "\n", "\r", "\t", " ", "#", ";", "=", "a", "n", "ü", "\x1b"),
  }),
).filter((text) => text.isWellFormed());

/** Values that a dialect holds: random ones, and those that quoting easily breaks. */
function samples(dialect: Dialect): Variables {
  const odd = [
    "",
    " ",
    " a ",
    "'",
    '"',
    "\\",
    "\\\\",
    "\\n",
    "a\\",
    "$HOME",
    "`id`",
    "#x",
    "a #b",
    "a\nb\n",
    "é😀",
    "\ufeff",
  ];
  const values = [...odd, ...fc.sample(texts, 400)].filter((value) => holds(value, dialect));
  return Object.fromEntries(values.map((value, index) => [`V${index}`, value]));
}

/** The rules of systemd.exec(5) under `EnvironmentFile=`, as all versions have them within double quotes. */
function readSystemd(text: string): Variables {
  const entries = [...text.matchAll(/^([A-Za-z_]\w*)="((?:[^"\\]|\\[^])*)"\n/gmy)];
  equal(entries.map(([all]) => all).join(""), text, "the whole file is read");
  return Object.fromEntries(entries.map(([, name = "", value = ""]) => [name, value.replaceAll(/\\(["\\])/g, "$1")]));
}

/** The rules of `docker run --env-file`: lines without quoting; one carriage return before a line feed is dropped. */
function readDocker(text: string): Variables {
  const lines = text.split("\n").slice(0, -1).map((line) => line.replace(/\r$/, "").trimStart());
  ok(lines.every((line) => utf8(line).length < 65_536 && !line.startsWith("#")));
  return Object.fromEntries(lines.map((line) => {
    const at = line.indexOf("=");
    return [line.slice(0, at), line.slice(at + 1)];
  }));
}

Deno.test("environmentFile() writes a file that a real shell reads back", async () => {
  const variables = samples("posix");
  await inFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/env`, write(variables, "posix"));
    for (const shell of ["sh", "bash"]) {
      const script = `. ${folder}/env; for n in ${
        Object.keys(variables).join(" ")
      }; do eval "printf '%s\\\\0' \\"\\$$n\\""; done`;
      const { stdout, stderr } = await run(shell, ["-c", script]);
      equal(stderr, "");
      deepEqual(stdout.split("\0").slice(0, -1), Object.values(variables), shell);
    }
  });
});

/**
 * systemd's own parser of such files, where it is installed. The program expands `$` and prints no empty variables, which
 * `EnvironmentFile=` does not do.
 */
const generator = "/usr/lib/systemd/user-environment-generators/30-systemd-environment-d-generator";

async function readByGenerator(text: string): Promise<Variables> {
  let output = "";
  await inFolder(async (folder) => {
    await Deno.mkdir(`${folder}/environment.d`);
    await Deno.writeTextFile(`${folder}/environment.d/1.conf`, text);
    const env = { XDG_CONFIG_HOME: folder };
    output = (await run(generator, [], { env, clearEnv: true })).stdout;
  });
  const escapes: Variables = { n: "\n", t: "\t" };
  const lines = [...output.matchAll(/^(V\d+)=(?:"((?:[^"\\]|\\[^])*)"|(.*))$/gm)];
  return Object.fromEntries(lines.map(([, name = "", quoted, plain]) => [
    name,
    quoted?.replaceAll(/\\([^])/g, (_, one: string) => escapes[one] ?? one) ?? plain ?? "",
  ]));
}

Deno.test("environmentFile() writes a file that systemd reads back, by its rules and by its parser if it is installed", async () => {
  const variables = samples("systemd");
  ok(Object.keys(variables).length > 100);
  deepEqual(readSystemd(write(variables, "systemd")), variables);
  if (await Deno.stat(generator).catch(() => undefined) === undefined) return;
  const printed = Object.fromEntries(Object.entries(variables).filter(([, value]) => /^[^$]+$/.test(value)));
  deepEqual(await readByGenerator(write(printed, "systemd")), printed);
});

Deno.test("environmentFile() writes a file that docker reads back, by its rules", () => {
  const variables = samples("docker");
  ok(Object.keys(variables).length > 100);
  deepEqual(readDocker(write(variables, "docker")), variables);
});

Deno.test("environmentFile() refuses a value that a dialect cannot hold, with the reason", () => {
  const all = ["posix", "systemd", "docker"] as const;
  const cases: readonly (readonly [string, readonly Dialect[], RegExp])[] = [
    ["a\0b", all, /has a NUL character, which the dialect/],
    ["a\nb", ["docker"], /has a line feed, which the dialect docker cannot hold/],
    ["a\r", ["docker", "systemd"], /carriage return at its end|control character other than tab and line feed/],
    ["a\rb", ["systemd"], /control character/],
    ["\x1b[0m", ["systemd"], /control character/],
    ["\x7f", ["systemd"], /control character/],
    ["\ufffe", ["systemd"], /a noncharacter of Unicode/],
    ["\ufdd0", ["systemd"], /a noncharacter of Unicode/],
    ["\u{1ffff}", ["systemd"], /a noncharacter of Unicode/],
    ["x".repeat(65_534), ["docker"], /more than 65535 bytes, the limit of docker/],
    ["x".repeat(131_070), all, /more than (131071|65535) bytes/],
    ["x".repeat(65_533), [], /never/],
    ["\t ", [], /never/],
  ];
  for (const [value, refusing, why] of cases) {
    for (const dialect of Object.keys(dialects) as Dialect[]) {
      const name = JSON.stringify(value.slice(0, 20));
      if (refusing.includes(dialect)) {
        throws(() => write({ A: value }, dialect), { code: "request_invalid", message: why }, name);
      } else ok(holds(value, dialect), `${dialect} ${name}`);
    }
  }
});

Deno.test("environmentFile() refuses bytes, names that are none, and names that occur twice, without the value", () => {
  const entry = (name: string, value = utf8("hunter2")) => ({ name, value });
  const refusal = (why: RegExp) => (thrown: unknown) => {
    ok(thrown instanceof Error && !thrown.message.includes("hunter2"));
    match(thrown.message, why);
    return true;
  };
  for (const name of ["", "1A", "A-B", "A.B", "A B", "Ä", "A=B"]) {
    throws(() => environmentFile([entry(name)], "posix"), refusal(/variable's name has letters, digits and _ alone/));
  }
  throws(() => environmentFile([entry("A", Uint8Array.of(0xff))], "posix"), refusal(/its value is no text/));
  throws(() => environmentFile([entry("A"), entry("B"), entry("A")], "docker"), refusal(/"A": it occurs twice/));
  equal(environmentFile([entry("_a1")], "systemd"), '_a1="hunter2"\n');
  equal(environmentFile([], "docker"), "");
});
