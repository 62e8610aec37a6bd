// Whether others run.

const PATIENCE = 20_000; // ms

/** Whether there is such a process. */
export function runs(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Whether a process ends while we wait. */
export async function ends(pid) {
  const by = performance.now() + PATIENCE;
  while (runs(pid) && performance.now() < by) await new Promise((resolve) => setTimeout(resolve, 10));
  return !runs(pid);
}
