/**
 * Metrics of the process: under the names of Prometheus' client libraries, as far as the values can be read without
 * `/proc`, and under the names of former versions of Trousseau.
 *
 * @module
 */
import process from "node:process";
import { Counter, Gauge, type Registry } from "./prometheus.ts";
import { type Times, WallTimes } from "../base/clock.ts";

/** Options of the process metrics. */
export interface ProcessMetricsOptions {
  /** The version of Trousseau. */
  readonly version: string;
  readonly clock: Times;
  /** The start of the process, on the clock's `now`; now if left out. */
  readonly startedAt?: number;
  /** Numbers of audit and log lines lost since the start. */
  readonly linesLost: () => { readonly audit: number; readonly log: number };
  /** Whether the audit stream can be written; `undefined` if it is off. Off if left out. */
  readonly auditWritable?: () => boolean | undefined;
}

/**
 * Registers the metrics of the process.
 *
 * @returns a function that updates those that change.
 */
export function observeProcess(registry: Registry, options: ProcessMetricsOptions): () => void {
  const { version, clock, linesLost } = options;
  const registers = [registry];
  const times = new WallTimes(clock);
  const startedAt = options.startedAt ?? clock.now();
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers });
  const both = (standard: string, former: string, help: string) => {
    const gauges = [gauge(standard, help), gauge(former, `${help} The same as ${standard}.`)];
    return (value: number) => gauges.forEach((one) => one.set(value));
  };
  new Gauge({
    name: "trousseau_build_info",
    help: "The version of Trousseau and of the runtime beneath it.",
    labelNames: ["version", "runtime"],
    registers,
  }).set({ version, runtime: `deno ${Deno.version.deno}` }, 1);
  const started = both("process_start_time_seconds", "trousseau_start_time_seconds", "When the process started.");
  const resident = both(
    "process_resident_memory_bytes",
    "trousseau_resident_memory_bytes",
    "Memory that the process holds in RAM.",
  );
  const uptime = gauge("trousseau_uptime_seconds", "For how long the process has run.");
  const cpu = cpuCounters(registry);
  const audit = lostCounter(registry, "audit");
  const log = lostCounter(registry, "log");
  const auditWritable = options.auditWritable?.() === undefined
    ? undefined
    : gauge("trousseau_audit_writable", "1 if the audit stream takes its lines, 0 while they wait or are lost.");
  // Under the permissions of the product `/proc` cannot be read. These gauges are then absent.
  const descriptors = openDescriptors() === undefined
    ? undefined
    : both("process_open_fds", "trousseau_open_descriptors", "Descriptors that the process holds open.");
  return () => {
    started(times.of(startedAt) / 1000);
    uptime.set((clock.now() - startedAt) / 1000);
    resident(Deno.memoryUsage().rss);
    cpu();
    audit(linesLost().audit);
    log(linesLost().log);
    auditWritable?.set(options.auditWritable?.() === true ? 1 : 0);
    descriptors?.(openDescriptors() ?? 0);
  };
}

function cpuCounters(registry: Registry): () => void {
  const counter = (name: string, help: string) => new Counter({ name, help, registers: [registry] });
  const total = counter("process_cpu_seconds_total", "CPU time that the process has used.");
  const user = counter("process_cpu_user_seconds_total", "CPU time that the process has used outside of the kernel.");
  const system = counter("process_cpu_system_seconds_total", "CPU time that the kernel has used for the process.");
  const set = (one: Counter, microseconds: number) => {
    one.reset();
    one.inc(microseconds / 1e6);
  };
  return () => {
    const used = process.cpuUsage();
    set(user, used.user);
    set(system, used.system);
    set(total, used.user + used.system);
  };
}

function lostCounter(registry: Registry, stream: "audit" | "log"): (lost: number) => void {
  const counter = new Counter({
    name: `trousseau_${stream}_lines_lost_total`,
    help: `Lines of the ${stream} stream that could not be written.`,
    registers: [registry],
  });
  let counted = 0;
  return (lost) => {
    counter.inc(lost - counted);
    counted = lost;
  };
}

function openDescriptors(): number | undefined {
  try {
    return [...Deno.readDirSync("/proc/self/fd")].length;
  } catch {
    return undefined;
  }
}
