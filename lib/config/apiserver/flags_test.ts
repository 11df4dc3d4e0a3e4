import { deepEqual, equal } from "node:assert/strict";
import fc from "fast-check";
import { featureGate, flagValue, goBoolean, readFlags, wordsIn } from "./flags.ts";

Deno.test("readFlags() reads values behind an equals sign, behind a space, and none", () => {
  const flags = readFlags(["kube-apiserver", "--a=1", "--b", "2", "--c", "--d=", "-v=3", "--a", "x=y"]);
  deepEqual([...flags], [["a", ["1", "x=y"]], ["b", ["2"]], ["c", ["true"]], ["d", [""]], ["v", ["3"]]]);
  equal(flagValue(flags, "a"), "x=y");
  equal(flagValue(flags, "e"), undefined);
});

Deno.test("readFlags() gives a flag with a value the next word, and a boolean one never", () => {
  const file = "--encryption-provider-config=/e";
  const flags = readFlags([
    "server",
    "--kube-apiserver-arg",
    file,
    "--secrets-encryption",
    "x",
    "--client-ca-file",
    "-c",
  ]);
  deepEqual([...flags], [["kube-apiserver-arg", [file]], ["secrets-encryption", ["true"]], ["client-ca-file", ["-c"]]]);
  deepEqual([...readFlags(["--feature-gates"])], [["feature-gates", [""]]]);
  deepEqual([...readFlags(["--encryption_provider_config=/e"])], [["encryption-provider-config", ["/e"]]]);
});

Deno.test("goBoolean() reads what Go's ParseBool reads", () => {
  deepEqual(["1", "t", "T", "TRUE", "true", "True"].map(goBoolean), Array(6).fill(true));
  deepEqual(["0", "f", "F", "FALSE", "false", "False"].map(goBoolean), Array(6).fill(false));
  deepEqual(["", "yes", "tRUE", "2"].map(goBoolean), Array(4).fill(undefined));
});

Deno.test("featureGate() takes the last value of a gate, in any list", () => {
  const gate = (...words: string[]) => featureGate(readFlags(words), "KMSv1");
  deepEqual([
    gate(),
    gate("--feature-gates=KMSv1=true"),
    gate("--feature-gates=A=true,KMSv1=false"),
    gate("--feature-gates", "A=true", "--feature-gates=KMSv1=T"),
    gate("--feature-gates=KMSv1=true", "--feature-gates=KMSv1=0"),
    gate("--feature-gates=KMSv1Beta=true"),
    gate("--feature-gates=kube:KMSv1=true"),
    gate("--feature-gates=KMSv1=true", "--feature-gates=A=true, kube:KMSv1=f"),
    gate("--feature-gates=other:KMSv1=true"),
  ], [undefined, true, false, true, false, undefined, true, false, undefined]);
});

Deno.test("wordsIn() splits NUL, lines, quotes and continued lines", () => {
  deepEqual(wordsIn("a\0--b=c d\0"), ["a", "--b=c d"]);
  deepEqual(wordsIn("a --b=c\n--d"), ["a", "--b=c", "--d"]);
  deepEqual(wordsIn(`a \\\n  "--b=c d" '--e=f"g' h\\ i "j\\"k"`), ["a", "--b=c d", '--e=f"g', "h i", 'j"k']);
});

Deno.test("wordsIn() and readFlags() take any text", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    for (const values of readFlags(wordsIn(text)).values()) for (const value of values) equal(typeof value, "string");
  }));
});

Deno.test("wordsIn() gives back words that were written with quotes", () => {
  const word = fc.string({ minLength: 1 }).filter((text) => !/[\0\\]/.test(text));
  const quoted = (text: string) => `"${text.replace(/["$`]/g, "\\$&")}"`;
  fc.assert(fc.property(fc.array(word), (words) => deepEqual(wordsIn(words.map(quoted).join(" ")), words)));
});
