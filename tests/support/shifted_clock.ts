/**
 * Loaded before the program in a process of its own: at SIGUSR2 its wall clock is set by some hours, as NTP or an
 * administrator sets one. The monotonic clock is left alone. The hours stand in the address under which this file is
 * loaded: `shifted_clock.ts?hours=3`.
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
