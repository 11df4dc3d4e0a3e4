/**
 * Runs h2spec section by section, each on a server process of its own, and a section again if its process ended early.
 *
 * @module
 */
import type { Process } from "../support/processes.ts";

/** All sections of h2spec; together they have 146 tests in strict mode. */
export const h2specSections = ["generic", "hpack", ...[3, 4, 5, 6, 7, 8].map((chapter) => `http2/${chapter}`)] as const;

/** Maximum number of runs of one section or test. */
export const maxRuns = 4;

/** The outputs of all sections. */
export interface SectionOutputs {
  readonly outputs: readonly string[];
  /** One line for each server process that ended early: the section, the exit status and the end of its output. */
  readonly earlyEnds: readonly string[];
}

/**
 * Runs all sections. The output of a run whose server ended early is discarded, because the connections after the end
 * were refused.
 *
 * @param start starts a server process; it gets a signal when its section has been run.
 * @param runSection runs one section and returns its whole output.
 * @throws {Error} with the output of each process if those of one section ended early in all its runs.
 */
export async function runSections(
  sections: readonly string[],
  start: () => Process,
  runSection: (section: string, server: Process) => Promise<string>,
): Promise<SectionOutputs> {
  const [outputs, earlyEnds]: [string[], string[]] = [[], []];
  for (const section of sections) outputs.push(await outputOf(section, start, runSection, earlyEnds));
  return { outputs, earlyEnds };
}

async function outputOf(
  section: string,
  start: () => Process,
  runSection: (section: string, server: Process) => Promise<string>,
  earlyEnds: string[],
): Promise<string> {
  for (let runs = 0; runs < maxRuns; runs++) {
    await using server = start();
    const output = await runSection(section, server);
    // A process that has crashed keeps the signal of its crash, also while it is still ending.
    const { code, signal } = await server.stop();
    if (signal === "SIGTERM") return output;
    earlyEnds.push(`${section}: the server ended early (${signal ?? `exit status ${code}`}). ${server.tail}`);
  }
  throw new Error(
    `${section}: the server ended early in ${maxRuns} of ${maxRuns} runs.\n${earlyEnds.join("\n")}`,
  );
}
