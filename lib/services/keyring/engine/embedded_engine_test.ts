import { systemClock } from "../../../base/clock.ts";
import { testEngine } from "../../../../tests/support/engine_suite.ts";
import { openEmbeddedEngine } from "./embedded_engine.ts";

testEngine("openEmbeddedEngine()", async () => {
  const folder = await Deno.makeTempDir();
  const engine = await openEmbeddedEngine({ path: `${folder}/store.db`, clock: systemClock, create: true });
  return {
    engine,
    other: engine,
    async [Symbol.asyncDispose]() {
      await engine[Symbol.asyncDispose]();
      await Deno.remove(folder, { recursive: true });
    },
  };
});
