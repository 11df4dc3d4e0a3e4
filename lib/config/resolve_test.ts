import assert from "node:assert/strict";
import { encodeFrameHead, formatSizes } from "../envelope/format.ts";
import { encodeAnnotations, largestAnnotation } from "../envelope/wrap.ts";
import { limits } from "../services/kms/request_limits.ts";
import { providerLimits } from "../provider/provider.ts";
import { maxWrapOf, providerKinds } from "../provider/registry.ts";
import { fakeFiles } from "../../tests/support/fake_files.ts";
import { KmsError } from "../base/errors.ts";
import { environmentFrom } from "./environment.ts";
import { Problems } from "./problems.ts";
import { ConfigValidator } from "./providers/common.ts";
import { checkWrapBudget, resolveConfig, type WrapBudget } from "./resolve.ts";
import { checkShape } from "./shape.ts";

function complaintsOf(...maxWraps: readonly number[]): readonly string[] {
  const found: string[] = [];
  const rooms = maxWraps.map((maxWrap, index): WrapBudget => ({ index, name: `${index}`.repeat(63), maxWrap }));
  checkWrapBudget(rooms, { complain: (path, complaint) => void found.push(`${path.join(".")}: ${complaint}`) });
  return found;
}

Deno.test("checkWrapBudget() accepts five providers of any kind, two of them with RSA-4096, and seven of the largest", () => {
  for (const kind of providerKinds) {
    assert.deepEqual(complaintsOf(512, 512, ...Array<number>(3).fill(maxWrapOf(kind))), [], kind);
    assert.deepEqual(complaintsOf(...Array<number>(5).fill(maxWrapOf(kind))), [], kind);
  }
  assert.deepEqual(complaintsOf(...Array<number>(7).fill(providerLimits.ciphertext)), []);
});

Deno.test("checkWrapBudget() refuses providers that would not fit in the worst case, and names those to remove", () => {
  assert.deepEqual(complaintsOf(512, ...Array<number>(7).fill(4096)), []);
  assert.deepEqual(complaintsOf(4096, 4096, ...Array<number>(6).fill(4096)), [
    "providers: could need 35488 bytes for the wraps of one data key, and kube-apiserver takes 32768; take one of the " +
    "largest out (providers[0], providers[1], providers[2], providers[3], providers[4], providers[5], providers[6], " +
    "providers[7]: up to 4096 bytes each), or put one that need only be read under retired",
  ]);
});

Deno.test("resolveConfig() adds up the wraps of providers, without retired ones", async () => {
  const list = (names: string) => [...names].map((name) => ({ kind: "local", name, keyFile: "/k", create: false }));
  const complaints = async (config: unknown) => {
    const problems = new Problems("c.yaml", () => ({ line: 1, column: 1 }));
    const shaped = checkShape(config, problems);
    const nothing = environmentFrom(() => undefined);
    const files = fakeFiles({ contents: { "/k": "" } });
    const validator = new ConfigValidator(problems, files, nothing, "/");
    assert.ok(shaped);
    await resolveConfig("c.yaml", shaped, nothing, files, validator, () => 4096);
    try {
      problems.throwIfAny();
    } catch (thrown) {
      assert.ok(thrown instanceof KmsError && thrown.code === "config");
      return thrown.message.split("\n").filter((line) => line.includes("kube-apiserver takes"));
    }
    return [];
  };
  assert.equal((await complaints({ providers: list("abcdefgh") })).length, 1);
  assert.deepEqual(await complaints({ providers: list("abcdefg"), retired: list("hijklmno") }), []);
});

Deno.test("largestAnnotation() is the size for the largest wrap, and a frame fits whenever annotations fit", () => {
  const wraps = ["a", "b".repeat(63)].map((name) => ({
    name,
    version: "v".repeat(providerLimits.version),
    ciphertext: new Uint8Array(4096),
  }));
  const annotations = Object.entries(encodeAnnotations(wraps));
  assert.deepEqual(
    annotations.map(([key, value]) => key.length + value.length),
    wraps.map(({ name }) => largestAnnotation(name, 4096)),
  );
  const head = encodeFrameHead("", wraps, "v1beta1").length - encodeFrameHead("", [], "v1beta1").length;
  assert.ok(head < annotations.reduce((sum, [key, value]) => sum + key.length + value.length, 0));
  assert.ok(formatSizes.annotations + formatSizes.keyId + formatSizes.envelope + 4 < formatSizes.frame);
});

Deno.test("the limits of the envelope and of the API's handlers are equal", () => {
  const { annotations, frame, keyId } = formatSizes;
  assert.deepEqual({ annotations, frame, keyId, ciphertext: formatSizes.envelope }, {
    annotations: limits.annotations,
    frame: limits.frame,
    keyId: limits.keyId,
    ciphertext: limits.ciphertext,
  });
});

Deno.test("maxWrapOf() is the general maximum for a kind without a maximum of its own", () => {
  assert.equal(maxWrapOf("unheard-of"), providerLimits.ciphertext);
  assert.equal(maxWrapOf("constructor"), providerLimits.ciphertext);
  for (const kind of providerKinds) assert.ok(maxWrapOf(kind) <= providerLimits.ciphertext, kind);
});
