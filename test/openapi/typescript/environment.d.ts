// The parts of Node that these programs use, so that @types/node isn't needed.
declare const process: { env: Record<string, string | undefined>; exitCode: number };
