import assert from "node:assert/strict";
import type { Event } from "../../telemetry/events.ts";
import { FakeClock } from "../../../tests/support/fake_clock.ts";
import { pause, waitFor } from "../../../tests/support/processes.ts";
import { refuse, VaultDouble } from "../../../tests/support/vault_double.ts";
import { MemorySecret, openVault, patient, refusedWith } from "../../../tests/support/vault_settings.ts";
import { NotTried } from "../not_tried.ts";
import type { VaultAuth } from "./settings.ts";

/** A wrapped secret of either method, as an operator supplies it. */
interface Kind {
  readonly madeBy: string;
  /** A path that creates another kind of secret. */
  readonly otherPath: string;
  readonly answer: (secret: string) => unknown;
  readonly auth: (source: MemorySecret, keepUnwrapped?: boolean) => VaultAuth;
}

const kinds: Readonly<Record<string, Kind>> = {
  "secret ID": {
    madeBy: "auth/approle/role/trousseau/secret-id",
    otherPath: "auth/other/role/trousseau/secret-id",
    answer: (secret_id) => ({ data: { secret_id } }),
    auth: (secretId, keepUnwrapped = false) => {
      const roleId = new MemorySecret("role");
      return { method: "approle", mount: "approle", roleId, secretId, wrapped: true, keepUnwrapped };
    },
  },
  token: {
    madeBy: "auth/token/create/kms",
    otherPath: "auth/approle/role/trousseau/secret-id",
    answer: (client_token) => ({ auth: { client_token } }),
    auth: (token, keepUnwrapped = false) => ({ method: "token", token, wrapped: true, keepUnwrapped }),
  },
};

/** Creates a wrapping token in the double; a token inside it is valid. */
function wrap(vault: VaultDouble, { madeBy, answer }: Kind, by: string, secret: string): void {
  vault.wrapped.set(by, { madeBy, answer: answer(secret) });
  vault.valid.add(secret);
}

/** Opens a wrapping token, and answers later than the pause after which another address is tried. */
async function slowly(vault: VaultDouble, { answer }: Kind, secret: string): Promise<Response> {
  vault.wrapped.clear();
  await pause(1_200);
  return Response.json(answer(secret));
}

const warnings = (events: readonly Event[]) =>
  events.flatMap((event) => event.type === "lifecycle" && event.action === "warning" ? [event.message] : []);

async function withFolder(use: (stateFolder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await use(`${folder}/state`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** One start of a plugin: opens, probes, closes. */
async function start(
  vault: VaultDouble,
  auth: VaultAuth,
  stateFolder: string,
  readOnlyState = false,
): Promise<void> {
  const context = { stateFolder, readOnlyState };
  await using provider = (await openVault(vault.address, { auth }, context)).provider;
  await provider.probe(patient);
}

for (const [content, kind] of Object.entries(kinds)) {
  Deno.test(`login() by a wrapped ${content} looks the wrapping token up without using it up, and opens it once`, async () => {
    await using vault = new VaultDouble();
    wrap(vault, kind, "first", "secret-1");
    await using provider = (await openVault(vault.address, { auth: kind.auth(new MemorySecret("first")) })).provider;
    await provider.probe(patient);
    const [lookup, unwrap, ...others] = vault.asked("sys/wrapping/");
    assert.deepEqual([lookup?.path, lookup?.token, lookup?.body], ["sys/wrapping/lookup", undefined, {
      token: "first",
    }]);
    assert.deepEqual([unwrap?.path, unwrap?.token, others], ["sys/wrapping/unwrap", "first", []]);
  });

  Deno.test(`login() by a wrapped ${content} waits for the address that is opening the wrapping token`, async () => {
    await using first = new VaultDouble();
    await using second = new VaultDouble();
    wrap(first, kind, "first", "secret-1");
    first.intercept = ({ path }) => path === "sys/wrapping/unwrap" ? slowly(first, kind, "secret-1") : undefined;
    const auth = kind.auth(new MemorySecret("first"));
    await using provider = (await openVault([first.address, second.address], { auth })).provider;
    await provider.probe(patient);
    assert.equal(second.requests.length, 0, "there it would be spent");
  });

  Deno.test(`login() by a wrapped ${content} opens another one soon after it replaced the first`, async () => {
    await using vault = new VaultDouble();
    wrap(vault, kind, "first", "secret-1");
    wrap(vault, kind, "second", "secret-2");
    const source = new MemorySecret("first");
    await using provider = (await openVault(vault.address, { auth: kind.auth(source) })).provider;
    await provider.probe(patient);
    source.value = "second";
    await waitFor("the second to be opened", async () => {
      await provider.probe(patient);
      return !vault.wrapped.has("second");
    }, { timeoutMs: 8000, everyMs: 50 });
    await provider.probe(patient);
    assert.equal(vault.asked("sys/wrapping/unwrap").length, 2);
  });

  Deno.test(`login() by a wrapped ${content} refuses a wrapping token that another path created, and does not open it`, async () => {
    for (const madeBy of ["sys/wrapping/wrap", kind.otherPath, `x/${kind.madeBy}`, "cubbyhole/response"]) {
      await using vault = new VaultDouble();
      wrap(vault, { ...kind, madeBy }, "first", "secret-1");
      await using provider = (await openVault(vault.address, { auth: kind.auth(new MemorySecret("first")) })).provider;
      await assert.rejects(
        provider.probe(patient),
        refusedWith(
          "unauthenticated",
          /the wrapping token in file \S+ was made by .* may have been intercepted and wrapped again; it was not opened/,
        ),
      );
      assert(vault.wrapped.has("first") && vault.asked("auth/approle").length === 0, madeBy);
    }
  });

  Deno.test(`login() by a wrapped ${content} accepts a creation path that begins with the namespace`, async () => {
    await using vault = new VaultDouble();
    wrap(vault, { ...kind, madeBy: `team-a/${kind.madeBy}` }, "first", "secret-1");
    const settings = { auth: kind.auth(new MemorySecret("first")), namespace: "team-a" };
    await using provider = (await openVault(vault.address, settings)).provider;
    await provider.probe(patient);
  });

  Deno.test(`login() reports for a used token with a ${content} whether this node opened it`, async () => {
    await withFolder(async (stateFolder) => {
      await using vault = new VaultDouble();
      const auth = kind.auth(new MemorySecret("first"));
      const used = /the wrapping token in file \S+ was used already, or has expired/;
      await assert.rejects(start(vault, auth, stateFolder), refusedWith("unauthenticated", used));
      await assert.rejects(
        start(vault, auth, stateFolder),
        refusedWith("unauthenticated", /somebody else has, so look into Vault's audit log/),
      );
      wrap(vault, kind, "first", "secret-1");
      await start(vault, auth, stateFolder);
      await assert.rejects(
        start(vault, auth, stateFolder),
        refusedWith(
          "unauthenticated",
          /this node opened it at \d{4}-\d\d-\d\d \d\d:\d\d UTC: put a new one there for each start, or set auth\.keepUnwrapped/,
        ),
      );
      const text = await Deno.readTextFile(`${stateFolder}/wrapping-tokens.json`);
      assert(!text.includes("first") && !text.includes("secret-1"), text);
    });
  });

  Deno.test(`login() in a check does not use up a valid wrapping token with a ${content}, and reports it`, async () => {
    await withFolder(async (stateFolder) => {
      await using vault = new VaultDouble();
      wrap(vault, kind, "first", "secret-1");
      const auth = kind.auth(new MemorySecret("first"));
      await assert.rejects(start(vault, auth, stateFolder, true), (error: Error) => {
        assert(error instanceof NotTried);
        assert.match(
          error.message,
          /^Trousseau did not log in .*spend the wrapping token in file \S+, which is good until \d{4}-\d\d-\d\d \d\d:\d\d UTC and was made by .*; each start needs a new one\.$/,
        );
        return true;
      });
      assert(vault.wrapped.has("first"));
      await assert.rejects(Deno.stat(stateFolder), Deno.errors.NotFound);
      await start(vault, auth, stateFolder);
      await assert.rejects(
        start(vault, auth, stateFolder, true),
        refusedWith("unauthenticated", /this node opened it/),
      );
    });
  });

  Deno.test(`login() stores an unwrapped ${content} for the next start if configured, and a check logs in with it`, async () => {
    await withFolder(async (stateFolder) => {
      await using vault = new VaultDouble();
      wrap(vault, kind, "first", "secret-1");
      const source = new MemorySecret("first");
      for (const check of [false, true, false]) await start(vault, kind.auth(source, true), stateFolder, check);
      assert.equal(vault.asked("sys/wrapping/unwrap").length, 1);
      const { mode } = await Deno.stat(`${stateFolder}/wrapping-tokens.json`);
      assert.equal((mode ?? 0) & 0o777, 0o600);
      assert(!(await Deno.readTextFile(`${stateFolder}/wrapping-tokens.json`)).includes("first"));
      source.value = undefined;
      await start(vault, kind.auth(source, true), stateFolder);
      // Another token replaces the stored secret.
      wrap(vault, kind, "second", "secret-2");
      source.value = "second";
      await start(vault, kind.auth(source, true), stateFolder);
      const kept = await Deno.readTextFile(`${stateFolder}/wrapping-tokens.json`);
      assert(kept.includes("secret-2") && !kept.includes("secret-1"), kept);
      // If the setting is off, the stored secret is not used and is deleted.
      await assert.rejects(
        start(vault, kind.auth(source), stateFolder),
        refusedWith("unauthenticated", /this node opened it/),
      );
      assert(!(await Deno.readTextFile(`${stateFolder}/wrapping-tokens.json`)).includes("secret-2"));
    });
  });

  Deno.test(`login() drops a stored ${content} that Vault refuses, except in a check`, async () => {
    await withFolder(async (stateFolder) => {
      await using vault = new VaultDouble();
      wrap(vault, kind, "first", "secret-1");
      const auth = kind.auth(new MemorySecret("first"), true);
      await start(vault, auth, stateFolder);
      vault.valid.delete("secret-1");
      vault.intercept = ({ path }) => path.endsWith("/login") ? refuse(400, "invalid role or secret ID") : undefined;
      const kept = () => Deno.readTextFile(`${stateFolder}/wrapping-tokens.json`);
      await assert.rejects(
        start(vault, auth, stateFolder, true),
        refusedWith("unauthenticated", /that was wrapped in file \S+/),
      );
      await Deno.remove(`${stateFolder}/refused-logins.json`).catch(() => {});
      assert((await kept()).includes("secret-1"));
      await assert.rejects(
        start(vault, auth, stateFolder),
        refusedWith("unauthenticated", /that was wrapped in file \S+/),
      );
      assert(!(await kept()).includes("secret-1"));
      await assert.rejects(
        start(vault, auth, stateFolder),
        refusedWith("unauthenticated", /in it is not kept any more, so put a new one there/),
      );
    });
  });

  Deno.test(`login() by a wrapped ${content} works without a usable state folder`, async () => {
    await using vault = new VaultDouble();
    wrap(vault, kind, "first", "secret-1");
    const file = await Deno.makeTempFile();
    const auth = kind.auth(new MemorySecret("first"), true);
    const { provider, events } = await openVault(vault.address, { auth }, { stateFolder: file });
    await using _provider = provider;
    await provider.probe(patient);
    assert.match(
      warnings(events).join("\n"),
      /Wrapping tokens that provider "vault-eu" opens are known to this process alone/,
    );
    await Deno.remove(file);
  });
}

Deno.test("login() does not suspect another client of a used wrapping token if its records cannot be read", async () => {
  await withFolder(async (stateFolder) => {
    await using vault = new VaultDouble();
    await Deno.mkdir(stateFolder);
    await Deno.writeTextFile(`${stateFolder}/wrapping-tokens.json`, "{");
    const kind = kinds["secret ID"] ?? assert.fail();
    const said =
      /whether this node opened it is not known, since \S+\/wrapping-tokens\.json cannot be used; put a new one/;
    const auth = kind.auth(new MemorySecret("first"), true);
    await assert.rejects(start(vault, auth, stateFolder), refusedWith("unauthenticated", said));
  });
});

Deno.test("login() stores the secret of a wrapping token as soon as the state folder is writable again", async () => {
  for (const kind of Object.values(kinds)) {
    await withFolder(async (stateFolder) => {
      await using vault = new VaultDouble();
      wrap(vault, kind, "first", "secret-1");
      const auth = kind.auth(new MemorySecret("first"), true);
      await Deno.writeTextFile(stateFolder, "a file in the place of the folder");
      const clock = new FakeClock();
      {
        await using provider = (await openVault(vault.address, { auth }, { stateFolder, clock })).provider;
        await provider.probe(patient);
        await Deno.remove(stateFolder);
        await clock.advance(60_000);
        await provider.probe(patient);
      }
      await start(vault, auth, stateFolder);
      assert.equal(vault.asked("sys/wrapping/unwrap").length, 1);
    });
  }
});

Deno.test("login() of two processes that start together opens a wrapping token once if it is stored", async () => {
  await withFolder(async (stateFolder) => {
    await Deno.mkdir(stateFolder, { mode: 0o700 });
    await using vault = new VaultDouble();
    const kind = kinds["secret ID"] ?? assert.fail();
    wrap(vault, kind, "first", "secret-1");
    const auth = kind.auth(new MemorySecret("first"), true);
    await Promise.all([1, 2, 3].map(() => start(vault, auth, stateFolder)));
    assert.equal(vault.asked("sys/wrapping/unwrap").length, 1);
  });
});

Deno.test("login() by a wrapped secret ID logs in again with the secret of the token, whether its file exists or not", async () => {
  await using vault = new VaultDouble();
  const kind = kinds["secret ID"] ?? assert.fail();
  wrap(vault, kind, "first", "secret-1");
  const source = new MemorySecret("first");
  await using provider = (await openVault(vault.address, { auth: kind.auth(source) })).provider;
  await provider.probe(patient);
  source.value = undefined;
  vault.valid.clear();
  await provider.probe(patient);
  assert.deepEqual(vault.asked("auth/approle/login").map(({ body }) => body.secret_id), ["secret-1", "secret-1"]);
});

Deno.test("login() by a wrapped token renews the token inside it", async () => {
  await using vault = new VaultDouble();
  vault.tokens = { ttl: 1, renewable: true };
  const kind = kinds.token ?? assert.fail();
  wrap(vault, kind, "first", "secret-1");
  await using provider = (await openVault(vault.address, { auth: kind.auth(new MemorySecret("first")) })).provider;
  await provider.probe(patient);
  await waitFor("a renewal", () => vault.asked("auth/token/renew-self").length > 0, { timeoutMs: 8000, everyMs: 20 });
  assert.equal(vault.asked("auth/token/renew-self")[0]?.token, "secret-1");
});

Deno.test("login() keeps the secret ID of a locked role, which Vault has not checked", async () => {
  await withFolder(async (stateFolder) => {
    await using vault = new VaultDouble();
    const kind = kinds["secret ID"] ?? assert.fail();
    wrap(vault, kind, "first", "secret-1");
    const auth = kind.auth(new MemorySecret("first"), true);
    vault.refusals.set("role", 5);
    await assert.rejects(start(vault, auth, stateFolder), refusedWith("unauthenticated", /sys\/locked-users/));
    assert((await Deno.readTextFile(`${stateFolder}/wrapping-tokens.json`)).includes("secret-1"));
  });
});

Deno.test("login() by a token continues if the check for a wrapping token is blocked", async () => {
  await using vault = new VaultDouble();
  const { promise, resolve } = Promise.withResolvers<Response>();
  vault.intercept = ({ path }) => path === "sys/wrapping/lookup" ? promise : undefined;
  const token = new MemorySecret("root");
  await using provider = (await openVault(vault.address, { auth: { method: "token", token } })).provider;
  await provider.probe(patient);
  resolve(refuse(403, "permission denied"));
});
