/**
 * A command of `clectl` that lasts longer than the certificate of a person: it is renewed in the background, and the
 * context of the command changes meanwhile.
 *
 * @module
 */
import { deepEqual, equal, match, notEqual } from "node:assert/strict";
import { KeyringError } from "../../lib/api/keyring/problems.ts";
import { systemClock } from "../../lib/base/clock.ts";
import type { KeyringClient } from "../../lib/cli/clectl/connection/client.ts";
import { clectl } from "../../lib/cli/clectl/program.ts";
import { withClient } from "../../lib/cli/clectl/session.ts";
import { run } from "../../lib/cli/run.ts";
import { ClectlStage, well } from "../support/clectl_stage.ts";
import { clectlTerminal, type FakeClectlTerminal, runClectl } from "../support/clectl_terminal.ts";
import { FakeClock } from "../support/fake_clock.ts";
import { waitFor } from "../support/processes.ts";

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const policy = "roles: {dev: {rules: [{path: db/, verbs: [read, list]}]}}";

/** A keyring, and a person who has logged in. The server's own certificate is valid by the real clock. */
class PersonStage implements AsyncDisposable {
  readonly clock: FakeClock;
  readonly stage: ClectlStage;

  private constructor(clock: FakeClock, stage: ClectlStage) {
    this.clock = clock;
    this.stage = stage;
  }

  static async open(): Promise<PersonStage> {
    const clock = new FakeClock();
    clock.setWall(Date.now() - 40 * dayMs - clock.wall());
    const serverClock = { ...systemClock, wall: () => clock.wall() };
    const person = new PersonStage(clock, await ClectlStage.open({ clock: serverClock }));
    well(await person.stage.admin(`policy set ${await person.stage.file("policy.yaml", policy)}`));
    await person.login("anna");
    return person;
  }

  async login(name: string): Promise<void> {
    const code = well(await this.stage.admin(`enrol ${name} --roles dev`)).out;
    const { url, fingerprint } = this.stage;
    well(await this.run(`login ${url} --fingerprint ${fingerprint}`, code));
  }

  get home(): string {
    return `${this.stage.folder}/home`;
  }

  get contextFile(): string {
    return `${this.home}/.config/clectl/contexts/localhost.json`;
  }

  get identityFile(): string {
    return `${this.home}/.local/state/clectl/identities/localhost.json`;
  }

  get renewals(): number {
    return this.stage.keyring.answered.filter(({ action }) => action === "certificate.renew").length;
  }

  /** Another command of the person. */
  run(line: string, stdin = "") {
    return runClectl(line.split(" "), { clock: this.clock, stdin, variables: { HOME: this.home } });
  }

  /** A command that lasts as long as `work` takes. @returns its standard error. */
  async lasting(work: (client: KeyringClient, terminal: FakeClectlTerminal) => Promise<void>): Promise<string> {
    const terminal = clectlTerminal({ clock: this.clock, variables: { HOME: this.home } });
    const call = { program: clectl, terminal, positionals: [], options: {} };
    await withClient(call as unknown as Parameters<typeof withClient>[0], (client) => work(client, terminal));
    return terminal.err();
  }

  /** Moves the clock until a certificate of seven days is due and the next look is over. */
  async untilRenewed(): Promise<void> {
    const before = this.renewals;
    await settled("a timer", () => this.clock.untilNext() < Infinity);
    await this.clock.advance(4 * dayMs + 2 * hourMs);
    await settled("the renewal", () => this.renewals > before);
  }

  files(): Promise<readonly (string | undefined)[]> {
    const read = (path: string) => Deno.readTextFile(path).catch(() => undefined);
    return Promise.all([this.contextFile, this.identityFile].map(read));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stage[Symbol.asyncDispose]();
  }
}

const settled = (what: string, condition: () => boolean | Promise<boolean>) =>
  waitFor(what, condition, { timeoutMs: 60_000 });

const whoami = (client: KeyringClient) =>
  client.json({ method: "GET", path: "whoami" }, (value) => (value as { readonly name: string }).name);

Deno.test("a watch goes on under a renewed certificate after its own has ended", async () => {
  await using person = await PersonStage.open();
  const { stage, clock, identityFile } = person;
  const stop = new AbortController();
  const terminal = clectlTerminal({ clock, variables: { HOME: person.home }, signal: stop.signal });
  const watching = run(["watch", "db/", "-o", "json"], clectl, terminal);
  let written = 0;
  const nextIsSeen = async () => {
    const seen = terminal.out().length;
    await settled("a change", async () => {
      well(await stage.admin(`create db/s${written++} -f password --stdin`, { stdin: "x" }));
      await clock.advance(1_000);
      return terminal.out().length > seen;
    });
  };
  await nextIsSeen();
  const first = await Deno.readTextFile(identityFile);
  await person.untilRenewed();
  await settled("the new certificate", async () => await Deno.readTextFile(identityFile) !== first);
  await clock.advance(3.5 * dayMs);
  await nextIsSeen();
  equal(terminal.err(), "", "a renewal is no interruption");
  well(await person.run("list db/"));
  equal(person.renewals, 1);
  stop.abort();
  equal(await watching, 0);
});

Deno.test("a renewed certificate is stored in no context that is gone, moved, logged out or another person's", async () => {
  await using person = await PersonStage.open();
  const { contextFile, identityFile } = person;
  const changes: Readonly<Record<string, () => Promise<unknown>>> = {
    gone: () => Deno.remove(contextFile),
    moved: async () => {
      const moved = { ...JSON.parse(await Deno.readTextFile(contextFile)), address: "https://other:8300" };
      await Deno.writeTextFile(contextFile, JSON.stringify(moved));
    },
    "logged out": () => Deno.remove(identityFile),
    "another login": () => person.login("bert"),
  };
  for (const [name, change] of Object.entries(changes)) {
    const err = await person.lasting(async (client) => {
      await person.stage.keyring.authority.rotate(person.stage.keyring.store.signal);
      const own = await whoami(client);
      await change();
      const before = await person.files();
      await person.untilRenewed();
      await person.untilRenewed();
      equal(await whoami(client), own, name);
      deepEqual(await person.files(), before, name);
    });
    equal(err, "", `${name}: ${err}`);
    await Deno.remove(contextFile).catch(() => undefined);
    await Deno.remove(identityFile).catch(() => undefined);
    await person.login("anna");
  }
});

Deno.test("a command takes the certificate that another command of the person was given, and renews none", async () => {
  await using person = await PersonStage.open();
  const first = await Deno.readTextFile(person.identityFile);
  await person.lasting(async (client) => {
    person.clock.setWall(4 * dayMs + 1_000);
    well(await person.run("whoami"));
    notEqual(await Deno.readTextFile(person.identityFile), first);
    person.clock.setWall(3 * dayMs);
    await person.clock.advance(hourMs);
    await settled("the new certificate", () => whoami(client).then(() => true, () => false));
    equal(person.renewals, 1);
  });
});

Deno.test("a renewal that fails is a warning an hour, and the end of the certificate is the last one", async () => {
  await using person = await PersonStage.open();
  const err = await person.lasting(async (_, terminal) => {
    person.stage.keyring.unavailable = new KeyringError("kms_unavailable", "No KMS can open the store.");
    const isOver = () => terminal.err().includes("any more");
    while (!isOver()) {
      await settled("a timer", () => person.clock.untilNext() < Infinity || isOver());
      await person.clock.advance(hourMs);
    }
  });
  const lines = err.trimEnd().split("\n");
  const last = lines.pop() ?? "";
  equal(lines.length >= 36 && lines.length <= 150, true, `${lines.length} warnings in three days`);
  for (const line of lines) match(line, /^clectl: The certificate of "localhost" ends soon and is not renewed: /);
  match(
    last,
    /^clectl: The certificate of "localhost" is not renewed any more: The certificate of the context .* has ended/,
  );
});

Deno.test("a certificate that ends with its enrolment is renewed once at most in its last days", async () => {
  await using person = await PersonStage.open();
  // Eleven renewals, each in its last hours: the twelfth certificate ends with the enrolment.
  for (let renewal = 0; renewal < 12; renewal++) {
    person.clock.setWall(6.9 * dayMs);
    well(await person.run("whoami"));
  }
  person.clock.setWall(5 * dayMs);
  const before = person.renewals;
  for (let call = 0; call < 6; call++) {
    well(await person.run("whoami"));
    person.clock.setWall(hourMs);
  }
  equal(person.renewals - before <= 1, true, `${person.renewals - before} renewals`);
});
