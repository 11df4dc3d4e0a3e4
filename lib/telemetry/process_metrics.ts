/**
 * The process itself as metrics.
 *
 * @module
 */
import { Counter, Gauge, type Registry } from "prom-client";
import type { MetricsOptions } from "./metrics.ts";

/**
 * Registers them.
 *
 * @returns sets those that change.
 */
export function observeProcess(registry: Registry, { version, now, linesLost }: MetricsOptions): () => void {
  const registers = [registry];
  const startedAt = now();
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers });
  new Gauge({
    name: "trousseau_build_info",
    help: "The version of Trousseau and of the runtime beneath it.",
    labelNames: ["version", "runtime"],
    registers,
  }).set({ version, runtime: `deno ${Deno.version.deno}` }, 1);
  gauge("trousseau_start_time_seconds", "When the process started.").set(startedAt / 1000);
  const uptime = gauge("trousseau_uptime_seconds", "For how long the process has run.");
  const resident = gauge("trousseau_resident_memory_bytes", "Memory that the process holds in RAM.");
  const audit = lostCounter(registry, "audit");
  const log = lostCounter(registry, "log");
  const descriptors = descriptorGauge(registry);
  return () => {
    uptime.set((now() - startedAt) / 1000);
    resident.set(Deno.memoryUsage().rss);
    audit(linesLost().audit);
    log(linesLost().log);
    descriptors();
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

/**
 * Open descriptors, where they can be counted: Deno lets nobody read `/proc` who was not granted everything, so that
 * under the permissions of the product this gauge is not there at all rather than wrong.
 */
function descriptorGauge(registry: Registry): () => void {
  if (openDescriptors() === undefined) return () => undefined;
  const gauge = new Gauge({
    name: "trousseau_open_descriptors",
    help: "Descriptors that the process holds open.",
    registers: [registry],
  });
  return () => gauge.set(openDescriptors() ?? 0);
}

function openDescriptors(): number | undefined {
  try {
    return [...Deno.readDirSync("/proc/self/fd")].length;
  } catch {
    return undefined;
  }
}
