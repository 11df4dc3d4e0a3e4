/**
 * A real Prometheus on loopback.
 *
 * @module
 */
import { join } from "node:path";
import { freePort, Process, waitFor } from "../../support/processes.ts";

/** One entry of an answer to a query. */
export interface QueryResult {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

/** An alert that is pending or firing. */
export interface ActiveAlert {
  readonly state: "pending" | "firing";
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** Options of a Prometheus. It scrapes and evaluates once a second. */
export interface PrometheusOptions {
  readonly folder: string;
  readonly rules: string;
  /** Entries of `scrape_configs`. */
  readonly jobs: readonly unknown[];
}

/** A running Prometheus. */
export class Prometheus implements AsyncDisposable {
  readonly #process: Process;
  readonly #origin: string;

  private constructor(process: Process, origin: string) {
    this.#process = process;
    this.#origin = origin;
  }

  /** Starts it and waits until it is ready. */
  static async start({ folder, rules, jobs }: PrometheusOptions): Promise<Prometheus> {
    const [config, origin] = [join(folder, "prometheus.json"), `127.0.0.1:${freePort()}`];
    await Deno.writeTextFile(
      config,
      JSON.stringify({
        global: { scrape_interval: "1s", scrape_timeout: "1s", evaluation_interval: "1s" },
        rule_files: [rules],
        scrape_configs: jobs,
      }),
    );
    const storage = `--storage.tsdb.path=${join(folder, "data")}`;
    const args = [`--config.file=${config}`, storage, `--web.listen-address=${origin}`, "--log.level=warn"];
    const process = new Process({ name: "prometheus", command: "prometheus", args });
    const prometheus = new Prometheus(process, `http://${origin}`);
    try {
      const isReady = () =>
        fetch(`http://${origin}/-/ready`).then(async (answer) => {
          await answer.body?.cancel();
          return answer.ok;
        }, () => false);
      await waitFor("Prometheus", isReady, { timeoutMs: 60_000, everyMs: 100, alive: [process] });
      return prometheus;
    } catch (thrown) {
      await process.stop();
      throw thrown;
    }
  }

  /** The answer to an instant query. @throws {Error} with its sentence if Prometheus refuses it. */
  async query(expr: string): Promise<readonly QueryResult[]> {
    return (await this.#get(`/api/v1/query?query=${encodeURIComponent(expr)}`)).result;
  }

  /** The rules that Prometheus could not evaluate, each with its error. */
  async brokenRules(): Promise<readonly string[]> {
    const { groups } = await this.#get("/api/v1/rules");
    const rules = (groups as { rules: { name: string; health: string; lastError?: string }[] }[])
      .flatMap(({ rules }) => rules);
    return rules.filter(({ health }) => health !== "ok").map(({ name, health, lastError }) =>
      `${name}: ${health} ${lastError ?? ""}`
    );
  }

  /** The alerts that are pending or firing. */
  async alerts(): Promise<readonly ActiveAlert[]> {
    return (await this.#get("/api/v1/alerts")).alerts;
  }

  // The shape depends on the path.
  // deno-lint-ignore no-explicit-any
  async #get(path: string): Promise<any> {
    const answer = await (await fetch(`${this.#origin}${path}`)).json();
    if (answer.status === "success") return answer.data;
    throw new Error(`Prometheus refuses ${path}: ${answer.error}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.stop();
  }
}
