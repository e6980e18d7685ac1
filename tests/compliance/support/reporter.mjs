// What is printed of a run: each failure with its place and reason, then one line of numbers.

const seconds = (milliseconds) => (milliseconds / 1000).toFixed(1);

export default async function* report(events) {
  const [counts, began] = [{ passed: 0, failed: 0, skipped: 0 }, Date.now()];
  for await (const { type, data } of events) {
    if (type === "test:pass") counts[data.skip === undefined ? "passed" : "skipped"] += 1;
    if (type === "test:stderr" || type === "test:stdout") yield data.message;
    if (type !== "test:fail") continue;
    counts.failed += 1;
    yield `FAILED ${data.name}\n${whyOf(data)}\n`;
  }
  yield `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped in ${seconds(Date.now() - began)} s\n`;
}

function whyOf({ file, line, details: { error, duration_ms: took } }) {
  const cause = error.cause?.message ? error.cause : error;
  const place = `${file?.split("/").slice(-2).join("/")}:${line} after ${seconds(took)} s`;
  const told = String(cause.stack?.includes(cause.message) ? cause.stack : (cause.message ?? cause));
  return [place, ...told.split("\n").slice(0, 30)].map((text) => `    ${text}`).join("\n");
}
