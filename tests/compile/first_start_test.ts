/**
 * The first example of the help, as an ordinary user types it: the program as it is compiled, with its baked permissions
 * and no others.
 *
 * @module
 */
import assert from "node:assert/strict";
import { join } from "node:path";
import { stage } from "../../deploy/compile/stage.ts";
import { withoutHelp } from "../support/help_line.ts";
import { Process, waitFor } from "../support/processes.ts";

/** `nobody` and `nogroup`. */
const ordinary = 65534;

/** Where the program lies and as whom it is started. */
interface Place extends AsyncDisposable {
  readonly program: string;
  readonly cwd: string;
  readonly asRoot: boolean;
  /** A folder below /run that belongs to the user alone, as a login session has one; `undefined` where none can be had. */
  readonly runtime: string | undefined;
}

/** The program where the user can read it, and a session's folder. */
async function makePlace(): Promise<Place> {
  const folder = await Deno.makeTempDir();
  await Deno.chmod(folder, 0o755);
  const program = Deno.env.get("TROUSSEAU_BIN") ?? (await stage(join(folder, "stage"))).launcher;
  // Only root can make a folder below /run; another user has the one of a session, or none.
  const made = await Deno.makeTempDir({ dir: "/run", prefix: "trousseau-session-" }).catch(() => undefined);
  if (made !== undefined) await Deno.chown(made, ordinary, ordinary);
  const session = Deno.env.get("XDG_RUNTIME_DIR");
  return {
    program,
    cwd: folder,
    asRoot: made !== undefined,
    runtime: made ?? (session?.startsWith("/run/") ? session : undefined),
    async [Symbol.asyncDispose]() {
      for (const path of [folder, made]) if (path !== undefined) await Deno.remove(path, { recursive: true });
    },
  };
}

/** Starts the program as a user who is not root, with this session. */
function start({ program, cwd, asRoot }: Place, runtime: string | undefined, words: readonly string[]): Process {
  const identity = [`--reuid=${ordinary}`, `--regid=${ordinary}`, "--clear-groups"];
  const session: Record<string, string> = runtime === undefined ? {} : { XDG_RUNTIME_DIR: runtime };
  return new Process({
    name: "trousseau",
    command: asRoot ? "setpriv" : program,
    args: asRoot ? [...identity, program, ...words] : words,
    cwd,
    env: { DENO: Deno.execPath(), DENO_DIR: join(cwd, "cache"), DENO_NO_UPDATE_CHECK: "1", HOME: cwd, ...session },
  });
}

/** Runs it to its end. */
async function said(
  place: Place,
  runtime: string | undefined,
  ...words: string[]
): Promise<{ readonly code: number; readonly output: string }> {
  await using process = start(place, runtime, words);
  const { code } = await process.exited;
  return { code, output: process.output };
}

Deno.test("the first example of the help and the help itself agree with the compiled program, for a user who is not root", async (t) => {
  await using place = await makePlace();
  const { output: help } = await said(place, undefined, "help");
  const [, line = ""] = /^Examples:\n {2}# .*\n {2}(trousseau .*)$/m.exec(help) ?? [];
  const example = line.split(" ").slice(1);

  await t.step("the help says where key, state and socket are", async () => {
    assert.deepEqual(example, ["serve"]);
    const description = (await said(place, undefined, "serve", "--help")).output.replace(/\s+/g, " ");
    assert.ok(description.includes("else in $XDG_RUNTIME_DIR/trousseau/state, which is gone after a logout"));
    assert.ok(description.includes("the socket is $XDG_RUNTIME_DIR/trousseau/kms.sock"));
    assert.ok(!description.includes("./run"), "a folder that the baked permissions do not reach");
  });

  await t.step("without a session it says in one line what to do", async () => {
    const { code, output } = await said(place, undefined, ...example);
    assert.equal(code, 78, output);
    assert.match(
      output,
      /this user cannot write to \/var\/lib\/trousseau and \/run\/trousseau, and XDG_RUNTIME_DIR is/,
    );
    assert.match(output, / XDG_RUNTIME_DIR=\/run\/user\/\$\(id -u\) trousseau serve; /);
    assert.equal(withoutHelp(output).trim().split("\n").length, 1, output);
  });

  const { runtime } = place;
  if (runtime === undefined) return;
  await t.step("with a session it serves, and the other commands find it", async () => {
    await using plugin = start(place, runtime, example);
    const soon = { timeoutMs: 60_000, alive: [plugin] };
    await waitFor("its introduction", () => plugin.output.includes("identity: {}"), soon);
    assert.match(plugin.output, /worked, over KMS v2 and v1beta1/);
    assert.doesNotMatch(plugin.output, /deno/, "a task that is only in a clone");
    const [state, socket] = [`${runtime}/trousseau/state`, `unix://${runtime}/trousseau/kms.sock`];
    assert.ok(plugin.output.includes(`# Key and state lie in ${state}, which the system empties`));
    const modes = [state, `${state}/local.keys`].map((path) => (Deno.statSync(path).mode ?? 0) & 0o777);
    assert.deepEqual(modes, [0o700, 0o600]);
    for (const command of ["probe", "keys"]) {
      const { code, output } = await said(place, runtime, command);
      assert.equal(code, 0, output);
      assert.ok(output.startsWith("Configuration: the embedded default with a local key"), output);
      assert.ok(output.includes(`; plugin: ${socket}\n`), output);
    }
    assert.equal((await plugin.stop()).code, 0);
  });
});
