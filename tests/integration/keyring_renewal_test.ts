/**
 * A command of `clectl` of a machine that lasts: its token is renewed in the background, while the authority of the server and the
 * context of the command change.
 *
 * @module
 */
import { deepEqual, equal, match } from "node:assert/strict";
import { systemClock } from "../../lib/base/clock.ts";
import type { Context } from "../../lib/cli/clectl/contexts/contexts.ts";
import { clectl } from "../../lib/cli/clectl/program.ts";
import { withClient } from "../../lib/cli/clectl/session.ts";
import type { KeyringClient } from "../../lib/cli/clectl/connection/client.ts";
import { run } from "../../lib/cli/run.ts";
import { ClectlStage, well } from "../support/clectl_stage.ts";
import { clectlTerminal, type FakeClectlTerminal, runClectl } from "../support/clectl_terminal.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { waitFor } from "../support/processes.ts";

const minuteMs = 60_000;
const dayMs = 86_400_000;
const policy = "roles: {dev: {take: [{issuer: ci, subject: main}], rules: [{path: db, verbs: [read, list]}]}}";

/** A keyring, and a job that has logged in. Its clock is behind the real one by more than the overlap of two authorities. */
class JobStage implements AsyncDisposable {
  readonly clock: FakeClock;
  readonly stage: ClectlStage;

  private constructor(clock: FakeClock, stage: ClectlStage) {
    this.clock = clock;
    this.stage = stage;
  }

  static async open(): Promise<JobStage> {
    const clock = new FakeClock();
    clock.setWall(Date.now() - 62 * dayMs - clock.wall());
    const taker = { kind: "issuer", name: "ci", subject: "main", claims: new Map() } as const;
    const issuer = {
      name: "ci",
      verify: () => Promise.resolve({ kind: "oidc", name: "oidc:ci/main", taker } as const),
    };
    // The deadlines of the server are real: no step of the clock ends one.
    const serverClock = { ...systemClock, wall: () => clock.wall() };
    const job = new JobStage(clock, await ClectlStage.open({ clock: serverClock, issuers: [issuer] }));
    const { stage } = job;
    well(await stage.admin(`policy set ${await stage.file("policy.yaml", policy)}`));
    await stage.file("old.pem", stage.chain);
    await stage.file("jwt", "a.b.c");
    await job.login();
    return job;
  }

  async login(): Promise<void> {
    const { url, folder } = this.stage;
    well(await this.run(`login ${url} --ca ${folder}/old.pem --jwt --role dev --token-file ${folder}/jwt`));
  }

  get home(): string {
    return `${this.stage.folder}/job`;
  }

  get contextFile(): string {
    return `${this.home}/.config/clectl/contexts/localhost.json`;
  }

  get tokenFile(): string {
    return `${this.home}/.local/state/clectl/tokens/localhost.json`;
  }

  /** Another command of the job. */
  run(line: string) {
    return runClectl(line.split(" "), { clock: this.clock, variables: { HOME: this.home } });
  }

  /** A command that lasts as long as `work` takes. @returns its standard error. */
  async lasting(
    work: (client: KeyringClient, terminal: FakeClectlTerminal) => Promise<void>,
    variables: Readonly<Record<string, string>> = {},
  ): Promise<string> {
    const terminal = clectlTerminal({ clock: this.clock, variables: { HOME: this.home, ...variables } });
    const call = { program: clectl, terminal, positionals: [], options: {} };
    await withClient(call as unknown as Parameters<typeof withClient>[0], (client) => work(client, terminal));
    return terminal.err();
  }

  async context(): Promise<Omit<Context, "name"> & { readonly ca: string }> {
    return JSON.parse(await Deno.readTextFile(this.contextFile));
  }

  /** Moves the clock to the next renewal, and waits until the server has renewed or exchanged a token. */
  async renewal(): Promise<void> {
    const before = await this.#tokens();
    await this.nextTimer();
    await this.clock.advance(45 * minuteMs);
    await waitFor("the renewal", async () => await this.#tokens() !== before, { timeoutMs: 60_000 });
  }

  /** Waits until the command has stored a renewal and waits for the next one. @returns the milliseconds until then. */
  async nextTimer(): Promise<number> {
    await waitFor("the timer of a renewal", () => this.clock.untilNext() < Infinity, { timeoutMs: 60_000 });
    return this.clock.untilNext();
  }

  async #tokens(): Promise<string> {
    const rows: readonly Readonly<Record<string, unknown>>[] = JSON.parse(
      well(await this.stage.admin("token list -o json")).out,
    );
    return JSON.stringify(rows.map(({ id, expiresAt }) => [id, expiresAt]));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stage[Symbol.asyncDispose]();
  }
}

const whoami = (client: KeyringClient) => client.json({ method: "GET", path: "whoami" }, (value) => value);

const settled = (what: string, condition: () => boolean | Promise<boolean>) =>
  waitFor(what, condition, { timeoutMs: 60_000 });

const authorities = (pem: string) => pem.split("-----BEGIN CERTIFICATE-----").length - 1;

Deno.test("a renewal in the background changes the authority of a context, and keeps other changes of it", async () => {
  await using job = await JobStage.open();
  await job.lasting(async () => {
    await job.stage.keyring.authority.rotate(job.stage.keyring.store.signal);
    const context = await job.context();
    const login = { ...context.login, role: "other" };
    await Deno.writeTextFile(job.contextFile, JSON.stringify({ ...context, login }), { mode: 0o600 });
    await job.renewal();
    await settled("the new authority", async () => authorities((await job.context()).ca) === 2);
    const { ca: _ca, ...after } = await job.context();
    const { ca: _old, ...before } = { ...context, login };
    deepEqual(after, before);
    await Deno.writeTextFile(job.contextFile, JSON.stringify({ ...await job.context(), login: context.login }));
    await job.renewal();
    await job.renewal();
    deepEqual((await job.context()).login, context.login, "a later renewal has nothing to write");
  });
});

Deno.test("a renewal in the background stores nothing in a context that is gone, logged out, or of another server", async () => {
  await using job = await JobStage.open();
  const { contextFile, tokenFile, stage } = job;
  const changes: Readonly<Record<string, () => Promise<unknown>>> = {
    gone: () => Deno.remove(contextFile),
    moved: async () =>
      await Deno.writeTextFile(contextFile, JSON.stringify({ ...await job.context(), address: "https://other:8300" })),
    "logged out": () => Deno.remove(tokenFile),
  };
  const files = () =>
    Promise.all([contextFile, tokenFile].map((path) => Deno.readTextFile(path).catch(() => undefined)));
  for (const [name, change] of Object.entries(changes)) {
    const err = await job.lasting(async (client) => {
      await stage.keyring.authority.rotate(stage.keyring.store.signal);
      await change();
      const before = await files();
      await job.renewal();
      await job.renewal();
      await whoami(client);
      deepEqual(await files(), before, name);
    });
    equal(err, "", `${name}: ${err}`);
    await Deno.remove(contextFile).catch(() => undefined);
    await job.login();
  }
});

Deno.test("a token counts as renewed if the context cannot be written, and a warning of its own says so", async () => {
  await using job = await JobStage.open();
  // Paths of the context's folder have room for the file, and not for the longer name of a new file beside it.
  const config = `${job.home}/.config`;
  const link = "l".repeat(200);
  await Deno.symlink(".", `${config}/${link}`);
  const rest = 4_090 - `${config}/clectl/contexts/localhost.json`.length;
  const last = "m".repeat(rest % (link.length + 1) || 1);
  await Deno.symlink(".", `${config}/${last}`);
  const long = `${config}${`/${link}`.repeat(Math.floor(rest / (link.length + 1)))}/${last}`;
  const before = await Deno.readTextFile(job.contextFile);
  const first = JSON.parse(await Deno.readTextFile(job.tokenFile));
  const err = await job.lasting(async (_client, terminal) => {
    await job.stage.keyring.authority.rotate(job.stage.keyring.store.signal);
    await job.renewal();
    await settled("the warning", () => terminal.err() !== "");
    equal(await job.nextTimer() > 20 * minuteMs, true, "the next attempt is due by the life of the new token");
  }, { XDG_CONFIG_HOME: long });
  match(
    err,
    /^clectl: The login of "localhost" is renewed, and cannot be stored for other commands: Cannot write .*\n$/,
  );
  equal(await Deno.readTextFile(job.contextFile), before);
  const kept = JSON.parse(await Deno.readTextFile(job.tokenFile));
  deepEqual([kept.token, kept.expiresAt > first.expiresAt], [first.token, true]);
});

Deno.test("a command that lasts trusts the new authority after the server has changed to it", async () => {
  await using job = await JobStage.open();
  const err = await job.lasting(async (client) => {
    await job.stage.keyring.authority.rotate(job.stage.keyring.store.signal);
    await job.renewal();
    await settled("the new authority", async () => authorities((await job.context()).ca) === 2);
    // The days between need no renewal of their own: a token that has ended is exchanged anew.
    job.clock.setWall(61 * dayMs);
    await job.stage.renewCertificate();
    await job.renewal();
    // A request that is sent once has a connection of its own.
    await client.json({ method: "POST", path: "token/renew" }, () => true);
    await whoami(client);
  });
  equal(err, "");
});

Deno.test("a command that lasts goes on with the token that it was given for another JWT", async () => {
  await using job = await JobStage.open();
  const { token } = JSON.parse(await Deno.readTextFile(job.tokenFile));
  await job.lasting(async (client) => {
    job.clock.setWall(dayMs);
    await job.renewal();
    await settled("the new token", async () => !(await Deno.readTextFile(job.tokenFile)).includes(token));
    await whoami(client);
  });
});

Deno.test("a watch goes on under the token that it was given for another JWT, after its own has ended", async () => {
  await using job = await JobStage.open();
  const stop = new AbortController();
  const terminal = clectlTerminal({ clock: job.clock, variables: { HOME: job.home }, signal: stop.signal });
  const watching = run(["watch", "db/"], clectl, terminal);
  let written = 0;
  const nextIsSeen = async () => {
    const seen = terminal.out().length;
    await settled("a change", async () => {
      well(await job.stage.admin(`create db/s${written++} -f password --stdin`, { stdin: "x" }));
      await job.clock.advance(1_000);
      return terminal.out().length > seen;
    });
  };
  await nextIsSeen();
  const { token } = JSON.parse(await Deno.readTextFile(job.tokenFile));
  job.clock.setWall(dayMs);
  await job.renewal();
  await settled("the new token", async () => !(await Deno.readTextFile(job.tokenFile)).includes(token));
  await nextIsSeen();
  equal(terminal.err(), "");
  stop.abort();
  equal(await watching, 0);
});

Deno.test("the end of the renewals in the background is a line on standard error", async () => {
  await using job = await JobStage.open();
  const err = await job.lasting(async (_client, terminal) => {
    await Deno.remove(`${job.stage.folder}/jwt`);
    job.clock.setWall(dayMs);
    await job.clock.advance(45 * minuteMs);
    await settled("the line", () => terminal.err() !== "");
  });
  match(err, /^clectl: The token of "localhost" is not renewed any more: Cannot read the token for the login in .*\n$/);
});
