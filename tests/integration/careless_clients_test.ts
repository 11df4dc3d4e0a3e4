/**
 * Our plugin under invalid requests that `trousseau conformance` does not send to other plugins: all parts cut, empty,
 * missing, too long or changed at any place.
 *
 * @module
 */
import assert from "node:assert/strict";
import { equalBytes } from "../../lib/base/bytes.ts";
import { everyAppended, everyCut, everyFlip, spread } from "../../lib/conformance/changes.ts";
import { newPlaintext, openAll, type Opening, type Variant } from "../../lib/conformance/sealer.ts";
import { Subject, type SubjectSealed } from "../../lib/conformance/subject.ts";
import { type ErrorCode, KmsError } from "../../lib/base/errors.ts";
import { RpcFailure } from "../../lib/net/grpc/status.ts";
import { mainFile, writeLocalConfig } from "../support/local_plugin.ts";
import { Process, waitFor } from "../support/processes.ts";
import { inFolder } from "../support/temporary_folder.ts";

const { signal } = new AbortController();

/** The codes of a refusal of such bytes. */
const codes: readonly ErrorCode[] = ["request_invalid", "integrity", "key_unknown"];

/** The variants of some bytes: each byte flipped, all truncations, and one more byte. */
function ofBytes(bytes: Uint8Array) {
  return [
    ...spread(everyFlip(bytes, [0x01, 0x20]), 512),
    ...everyCut(bytes),
    ...everyAppended(bytes, [0, 0x41]),
    { what: "of 64 KiB", bytes: new Uint8Array(64 * 1024) },
  ];
}

function ofSealed(sealed: SubjectSealed): Variant<SubjectSealed>[] {
  const { ciphertext, key_id: keyId, annotations } = sealed;
  const keyIds = ["", "\0", "other", "\u{10ffff}", `${keyId}x`, keyId.slice(0, -1), "x".repeat(1025)];
  const empty = new Uint8Array();
  return [
    ...ofBytes(ciphertext).map(({ what, bytes }) => ({ what, sealed: { ...sealed, ciphertext: bytes } })),
    ...keyIds.map((other) => ({ what: `key_id ${other.slice(0, 40)}`, sealed: { ...sealed, key_id: other } })),
    { what: "without annotations", sealed: { ...sealed, annotations: {} } },
    { what: "one annotation more", sealed: { ...sealed, annotations: { ...annotations, "one.more.test": empty } } },
    ...Object.entries(annotations).flatMap(([key, value]) => {
      const { [key]: _, ...others } = annotations;
      return [
        { what: `without ${key}`, sealed: { ...sealed, annotations: others } },
        { what: `${key} under another name`, sealed: { ...sealed, annotations: { ...others, [`x${key}`]: value } } },
        ...[...everyCut(value), ...everyAppended(value, [0]), ...spread(everyFlip(value, [0x01]), 64)].map((
          { what, bytes },
        ) => ({ what: `${key} ${what}`, sealed: { ...sealed, annotations: { ...annotations, [key]: bytes } } })),
      ];
    }),
  ];
}

function assertRefused(openings: readonly Opening[], least: number): void {
  assert.ok(openings.length >= least, `${openings.length} requests`);
  for (const { what, result, error } of openings) {
    assert.equal(result, "refused", `${what}: ${result}`);
    assert.ok(
      error !== undefined && codes.includes(error.code) && error.cause instanceof RpcFailure,
      `${what}: ${error}`,
    );
  }
}

/** Runs `work` on a plugin with a local key in its own process, and checks that the process still runs afterwards. */
async function withPlugin(work: (subject: Subject) => Promise<void>): Promise<void> {
  await inFolder(async (folder) => {
    const { config, socket } = await writeLocalConfig(folder);
    await using plugin = new Process({
      name: "trousseau",
      command: Deno.execPath(),
      args: ["run", "--no-prompt", "-A", mainFile, "serve", "--config", config],
    });
    await using subject = new Subject(socket, signal);
    await waitFor("the plugin to encrypt", () => subject.v2().seal(newPlaintext()), {
      timeoutMs: 30_000,
      everyMs: 20,
      alive: [plugin],
    });
    const plaintext = newPlaintext();
    const [v2, v1beta1] = [await subject.v2().seal(plaintext), await subject.v1beta1().seal(plaintext)];
    await work(subject);
    assert.ok(plugin.status === undefined);
    assert.ok(equalBytes(await subject.v2().open(v2), plaintext));
    assert.ok(equalBytes(await subject.v1beta1().open(v1beta1), plaintext));
  });
}

Deno.test("serve refuses every damaged Decrypt of v2 with a code and continues to serve", () =>
  withPlugin(async (subject) => {
    const plaintext = newPlaintext();
    const variants = ofSealed(await subject.v2().seal(plaintext));
    assertRefused(await openAll(subject.v2(), plaintext, variants), 400);
  }));

Deno.test("serve refuses every damaged Decrypt of v1beta1 with a code and continues to serve", () =>
  withPlugin(async (subject) => {
    const plaintext = newPlaintext();
    const variants = ofBytes(await subject.v1beta1().seal(plaintext)).map(({ what, bytes }) => ({
      what,
      sealed: bytes,
    }));
    assertRefused(await openAll(subject.v1beta1(), plaintext, variants), 500);
  }));

Deno.test("serve refuses to encrypt an empty and an oversized plaintext, and decrypts all others unchanged", () =>
  withPlugin(async (subject) => {
    for (const sealer of [subject.v2(), subject.v1beta1()]) {
      for (const length of [0, 64 * 1024]) {
        await assert.rejects(sealer.seal(newPlaintext(length)), (thrown: unknown) => {
          assert.ok(thrown instanceof KmsError && thrown.cause instanceof RpcFailure);
          return thrown.code === "request_invalid";
        });
      }
    }
    for (const length of [1, 15, 16, 31, 33, 47, 64, 128]) {
      const plaintext = newPlaintext(length);
      assert.ok(equalBytes(await subject.v2().open(await subject.v2().seal(plaintext)), plaintext));
      assert.ok(equalBytes(await subject.v1beta1().open(await subject.v1beta1().seal(plaintext)), plaintext));
    }
  }));
