import { conformance } from "./conformance.ts";
import { localBench } from "./local_bench.ts";

conformance("local", localBench);
