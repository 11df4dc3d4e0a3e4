/**
 * A preloaded module for a separate process: at SIGUSR2 it steps the wall clock by some hours, as NTP or an administrator
 * does. The monotonic clock does not change. The hours are in the URL of this module: `shifted_clock.ts?hours=3`.
 *
 * @module
 */
const MachineDate = Date;
const step = Number(new URL(import.meta.url).searchParams.get("hours")) * 3_600_000;
const wall = { ahead: 0 };

class ShiftedDate extends MachineDate {
  constructor(...parts: readonly unknown[]) {
    const given = parts.length === 0 ? [MachineDate.now() + wall.ahead] : parts;
    super(...given as ConstructorParameters<DateConstructor>);
  }

  static override now(): number {
    return MachineDate.now() + wall.ahead;
  }
}

Object.defineProperty(globalThis, "Date", { value: ShiftedDate, configurable: true, writable: true });
Deno.addSignalListener("SIGUSR2", () => wall.ahead += step);
