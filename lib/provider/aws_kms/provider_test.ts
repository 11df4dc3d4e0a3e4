import assert from "node:assert/strict";
import { AwsDouble, homeRegion } from "../../../tests/support/aws_double.ts";
import { openAws } from "../../../tests/support/aws_settings.ts";
import { account } from "../../../tests/support/kms_keys.ts";
import { freePort, pause, waitFor } from "../../../tests/support/processes.ts";
import { startNode } from "../../../tests/support/test_service.ts";
import { patient, refusedWith, within } from "../../../tests/support/vault_settings.ts";
import { base64, fromBase64 } from "../../base/bytes.ts";
import { enforceContract } from "../enforced_contract.ts";
import { dek, version, withAws } from "../../../tests/support/aws_provider.ts";

Deno.test("probe() is one call, and two at each tenth time", () =>
  withAws(async (double, provider) => {
    assert.deepEqual(await provider.probe(patient), { version: version(double) });
    assert.deepEqual(double.operations, ["DescribeKey", "Encrypt", "ReEncrypt", "Decrypt"]);
    double.calls.length = 0;
    for (let probes = 1; probes <= 30; probes++) await provider.probe(patient);
    const calls = double.operations;
    assert.deepEqual([calls.length, calls.filter((call) => call === "ReEncrypt").length], [33, 30]);
    // With an hourly login, one probe every 75 s makes fewer than 1,440 calls a day.
    assert.ok(1152 * calls.length / 30 + 24 / 0.63 * 3 < 1440);
  }));

Deno.test("probe() detects a KMS that does not decrypt to what it encrypted", () =>
  withAws(async (double, provider) => {
    const operate = double.keys.operate.bind(double.keys);
    double.keys.operate = (operation, region, input) => {
      const reply = operate(operation, region, input);
      if (operation !== "Decrypt") return reply;
      return { status: 200, body: { ...reply.body as object, Plaintext: "b3RoZXI=" } };
    };
    await assert.rejects(provider.probe(patient), refusedWith("provider_protocol", /something else/));
  }));

Deno.test("probe() creates its sentinel again if the key can no longer decrypt it, once", () =>
  withAws(async (double, provider) => {
    await provider.probe(patient);
    const operate = double.keys.operate.bind(double.keys);
    let forgets = 1;
    double.keys.operate = (operation, region, input) =>
      operation === "ReEncrypt" && forgets-- > 0
        ? { status: 400, body: { __type: "InvalidCiphertextException" } }
        : operate(operation, region, input);
    double.calls.length = 0;
    await provider.probe(patient);
    assert.deepEqual(double.operations, ["ReEncrypt", "Encrypt", "ReEncrypt"]);
    forgets = 9;
    await assert.rejects(provider.probe(patient), refusedWith("integrity"));
  }));

Deno.test("every call names the key by its ARN, and contains the encryption context", async () => {
  await withAws(async (double, provider) => {
    await provider.unwrap(await provider.wrap(dek, await provider.probe(patient), patient), patient);
    const context = { cluster: "prod" };
    for (const { operation, input } of double.calls) {
      if (operation === "DescribeKey") continue;
      const named = [input.KeyId ?? double.arn, input.SourceKeyId ?? double.arn, input.DestinationKeyId ?? double.arn];
      assert.deepEqual(new Set(named), new Set([double.arn]), operation);
      const bound = operation === "ReEncrypt"
        ? [input.SourceEncryptionContext, input.DestinationEncryptionContext]
        : [input.EncryptionContext, input.EncryptionContext];
      assert.deepEqual(bound, [context, context], operation);
      assert.ok(operation !== "Decrypt" || input.KeyId === double.arn);
    }
  });
});

Deno.test("ciphertexts do not decrypt under another encryption context, and none is sent if none is configured", async () => {
  await using double = await AwsDouble.start();
  const { provider: prod } = await openAws(double);
  const wrapped = await prod.wrap(dek, await prod.probe(patient), patient);
  await prod[Symbol.asyncDispose]();
  double.calls.length = 0;
  for (const encryptionContext of [{}, { cluster: "test" }, { Cluster: "prod" }, { cluster: "prod", more: "x" }]) {
    await using other = (await openAws(double, { encryptionContext })).provider;
    const sentence = /these bytes were not wrapped by this key with this context/;
    await assert.rejects(other.unwrap(wrapped, patient), refusedWith("integrity", sentence));
  }
  assert.equal("EncryptionContext" in (double.calls[0]?.input ?? {}), false);
});

Deno.test("an alias or a key ID is resolved once; all later requests use its ARN", async () => {
  await using double = await AwsDouble.start();
  const { arn, keys } = double;
  const names = [arn, arn.split("/")[1] ?? "", "alias/kubernetes", arn.replace(/key.*/, "alias/kubernetes")];
  for (const key of names) {
    keys.alias("alias/kubernetes", arn);
    await using provider = (await openAws(double, { key })).provider;
    double.calls.length = 0;
    const state = await provider.probe(patient);
    assert.equal(state.version, version(double), key);
    // Moving the alias now has no effect.
    keys.alias("alias/kubernetes", keys.create(homeRegion));
    const wrapped = await provider.wrap(dek, await provider.probe(patient), patient);
    assert.deepEqual(await provider.unwrap(wrapped, patient), dek);
    assert.deepEqual(double.operations.filter((operation) => operation === "DescribeKey").length, 1, key);
    const asked = double.calls.map(({ input }) => input.KeyId ?? input.SourceKeyId);
    assert.deepEqual(asked.slice(1), asked.slice(1).map(() => arn), key);
  }
});

Deno.test("a DescribeKey response about another key is rejected", async () => {
  const other = `arn:aws:kms:${homeRegion}:${account}:key/00000000-0000-4000-8000-000000000000`;
  const elsewhere = (arn: string) => arn.replace(homeRegion, "eu-west-1");
  for (const named of ["arn", "id", "alias"] as const) {
    for (const lie of [() => other, elsewhere, () => "arn:aws:s3:::bucket"]) {
      // Only KMS can resolve an alias.
      if (named === "alias" && lie("x") === other) continue;
      await using double = await AwsDouble.start();
      const { arn, keys } = double;
      const operate = keys.operate.bind(keys);
      keys.operate = (operation, region, input) => {
        const reply = operate(operation, region, input);
        if (operation !== "DescribeKey") return reply;
        const { KeyMetadata } = reply.body as { KeyMetadata: object };
        return { status: 200, body: { KeyMetadata: { ...KeyMetadata, Arn: lie(arn) } } };
      };
      const key = { arn, id: arn.split("/")[1] ?? "", alias: "alias/kubernetes" }[named];
      await using provider = (await openAws(double, { key })).provider;
      const sentence = /answers about another key than it was asked for/;
      await assert.rejects(provider.probe(patient), refusedWith("provider_protocol", sentence));
    }
  }
});

Deno.test("an answer of another key is rejected, for every operation", async () => {
  for (const lying of ["Encrypt", "Decrypt", "ReEncrypt"]) {
    await withAws(async (double, provider) => {
      const operate = double.keys.operate.bind(double.keys);
      double.keys.operate = (operation, region, input) => {
        const reply = operate(operation, region, input);
        return operation === lying
          ? { status: 200, body: { ...reply.body as object, KeyId: `${double.arn}0` } }
          : reply;
      };
      const sentence = /used another key than it was asked for/;
      await assert.rejects(provider.probe(patient), refusedWith("provider_protocol", sentence), lying);
    });
  }
});

Deno.test("wrap() encrypts and decrypts, and requires no earlier probe", () =>
  withAws(async (double, provider) => {
    const wrapped = await provider.wrap(dek, { version: version(double) }, patient);
    assert.deepEqual(double.operations, ["DescribeKey", "Encrypt", "Decrypt"]);
    assert.equal(wrapped.version, version(double));
    assert.deepEqual(await provider.unwrap(wrapped, patient), dek);
    const other = provider.wrap(dek, { version: version(double, double.keys.create(homeRegion)) }, patient);
    await assert.rejects(other, refusedWith("key_unusable", /not one of the key that is used now/));
  }));

Deno.test("wrap() returns nothing that the KMS does not decrypt to its input", () =>
  withAws(async (double, provider) => {
    const state = await provider.probe(patient);
    const operate = double.keys.operate.bind(double.keys);
    double.keys.operate = (operation, region, input) => {
      const reply = operate(operation, region, input);
      if (operation !== "Decrypt") return reply;
      return { status: 200, body: { ...reply.body as object, Plaintext: base64(new Uint8Array(47)) } };
    };
    await assert.rejects(provider.wrap(dek, state, patient), refusedWith("provider_protocol", /something else/));
  }));

Deno.test("wrap() returns the true version after a rotation, and rejects the answer of a part of KMS that lags behind", () =>
  withAws(async (double, provider) => {
    const before = await provider.probe(patient);
    double.keys.rotate(double.arn);
    const wrapped = await provider.wrap(dek, before, patient);
    assert.equal(wrapped.version, version(double));
    const after = await provider.probe(patient);
    double.keys.lagging = 0;
    const sentence = /wrapped with key material that was replaced/;
    await assert.rejects(provider.wrap(dek, after, patient), refusedWith("unreachable", sentence));
    // Another node that has not seen the older material requests the current one from KMS.
    await using fresh = (await openAws(double)).provider;
    await assert.rejects(fresh.wrap(dek, after, patient), refusedWith("unreachable", sentence));
  }));

Deno.test("unwrap() sends no request for a version of another key or bytes of an impossible size", () =>
  withAws(async (double, provider) => {
    const ciphertext = new Uint8Array(200);
    const good = version(double);
    for (const foreign of ["", "1", good.replace(account, "444455556666"), good.replace(homeRegion, "eu-west-1")]) {
      await assert.rejects(provider.unwrap({ version: foreign, ciphertext }, patient), refusedWith("key_unknown"));
    }
    for (const length of [0, 6145]) {
      const bytes = new Uint8Array(length);
      await assert.rejects(
        provider.unwrap({ version: good, ciphertext: bytes }, patient),
        refusedWith("integrity", /size/),
      );
    }
    assert.equal(double.calls.length, 0);
  }));

Deno.test("unwrap() of a key configured by its ARN is one call, even the first one", async () => {
  await using double = await AwsDouble.start();
  const { provider: one } = await openAws(double);
  const wrapped = await one.wrap(dek, await one.probe(patient), patient);
  await one[Symbol.asyncDispose]();
  double.calls.length = 0;
  await using cold = (await openAws(double)).provider;
  assert.deepEqual(await cold.unwrap(wrapped, patient), dek);
  assert.deepEqual(double.operations, ["Decrypt"]);
});

Deno.test("unwrapForeign() decrypts a ciphertext of another program with this key, in its own context only", () =>
  withAws(async (double, provider) => {
    const seed = new Uint8Array(32).fill(3);
    const encrypt = (EncryptionContext?: Record<string, string>) => {
      const { body } = double.keys.operate("Encrypt", homeRegion, {
        KeyId: double.arn,
        Plaintext: base64(seed),
        ...(EncryptionContext === undefined ? {} : { EncryptionContext }),
      });
      const { CiphertextBlob } = body as { CiphertextBlob: string };
      return fromBase64(CiphertextBlob) ?? assert.fail();
    };
    const open = provider.unwrapForeign?.bind(provider) ?? assert.fail();
    assert.deepEqual(await open({ ciphertext: encrypt() }, patient), seed);
    assert.deepEqual(double.operations, ["Decrypt"], "a cold start opens with one call");
    assert.deepEqual(double.calls[0]?.input.KeyId, double.arn);
    const context = { cluster: "old", env: "prod" };
    assert.deepEqual(await open({ ciphertext: encrypt(context), context }, patient), seed);
    for (const other of [undefined, { cluster: "old" }, { ...context, cluster: "prod" }]) {
      const opening = open({ ciphertext: encrypt(context), ...(other && { context: other }) }, patient);
      await assert.rejects(opening, refusedWith("integrity"));
    }
    for (const length of [0, 6145]) {
      await assert.rejects(open({ ciphertext: new Uint8Array(length) }, patient), refusedWith("integrity", /size/));
    }
    const elsewhere = double.keys.operate("Encrypt", homeRegion, {
      KeyId: double.keys.create(homeRegion),
      Plaintext: base64(seed),
    }).body as { CiphertextBlob: string };
    const ciphertext = fromBase64(elsewhere.CiphertextBlob) ?? assert.fail();
    await assert.rejects(open({ ciphertext }, patient), refusedWith("integrity", /wrapped by another key/));
  }));

Deno.test("a KMS that refuses connections, is slow or hangs does not delay a caller beyond its deadline", () =>
  withAws(async (double, provider) => {
    const state = await provider.probe(patient);
    const nowhere = `http://127.0.0.1:${freePort()}`;
    await using closed = (await openAws(double, { endpoint: nowhere })).provider;
    const refused = refusedWith("unreachable", new RegExp(`AWS KMS at ${nowhere} refused the connection`));
    await assert.rejects(closed.probe(patient), refused);
    double.fault = { kind: "slow", ms: 100 };
    await provider.probe(within(5000));
    await assert.rejects(provider.wrap(dek, state, within(30)), refusedWith("deadline_exceeded"));
    double.fault = { kind: "hang" };
    const leaving = new AbortController();
    const call = provider.probe({ signal: leaving.signal });
    setTimeout(() => leaving.abort(), 30);
    await assert.rejects(call, refusedWith("cancelled"));
    double.fault = undefined;
    await provider.probe(patient);
  }));

Deno.test("a KMS behind TLS is trusted with the CA file, and not without it", async () => {
  await using double = await AwsDouble.start(true);
  await using trusting = (await openAws(double)).provider;
  await trusting.probe(patient);
  await using doubting = (await openAws(double, { tls: {} })).provider;
  await assert.rejects(doubting.probe(patient), refusedWith("unreachable", /certificate/));
});

Deno.test("calls beyond 16 at once are queued, and all are answered", () =>
  withAws(async (_double, provider) => {
    const state = await provider.probe(patient);
    const deks = Array.from({ length: 64 }, (_, at) => new Uint8Array(32).fill(at));
    const wraps = await Promise.all(deks.map((one) => provider.wrap(one, state, patient)));
    assert.deepEqual(await Promise.all(wraps.map((one) => provider.unwrap(one, patient))), deks);
  }));

Deno.test("a rotation in AWS changes the key ID once, and data sealed before it can still be decrypted", () =>
  withAws(async (double, provider) => {
    await using node = await startNode([enforceContract(provider, { notify: () => {} })]);
    const seed = new Uint8Array(32).fill(1);
    /** Advances time in steps in which the double can answer. */
    const live = async (seconds: number) => {
      for (let second = 0; second < seconds; second++) {
        await node.clock.advance(1000);
        await pause(4);
      }
    };
    const { value: before } = await waitFor("a key ID", async () => {
      await live(1);
      return node.service.status().keyId;
    }, { timeoutMs: 10_000, everyMs: 1 });
    const old = node.service.encrypt(seed, "v2");
    assert.equal(old.keyId, before);

    double.keys.rotate(double.arn);
    await live(180);
    const after = node.service.status().keyId;
    assert.notEqual(after, before);
    const fresh = node.service.encrypt(seed, "v2");
    assert.equal(fresh.keyId, after);
    await live(300);
    assert.equal(node.service.status().keyId, after);
    assert.equal(node.events.filter(({ type }) => type === "key_id").length, 2);
    for (const sealed of [old, fresh]) {
      assert.deepEqual((await node.service.decrypt(sealed, "v2", patient)).plaintext, seed);
    }
  }));
