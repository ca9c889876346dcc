// Encodes with sharp on one thread, as bench/children/encoder.py does with the others: a request a line on
// standard input, an answer a line on standard output. Timed here, from bytes in memory to bytes in memory.
import { readFile, writeFile } from "node:fs/promises";
import { createInterface } from "node:readline";
import sharp from "sharp";

sharp.concurrency(1);
sharp.cache(false);

for await (const line of createInterface({ input: process.stdin })) {
  const { source, format, quality, width, mozjpeg, output } = JSON.parse(line);
  const data = await readFile(source);
  const cpuBefore = process.cpuUsage();
  const begun = process.hrtime.bigint();
  const image = width ? sharp(data).resize({ width, withoutEnlargement: true }) : sharp(data);
  const encoded = await image[format]({ quality, ...(mozjpeg && { mozjpeg }) }).toBuffer();
  const seconds = Number(process.hrtime.bigint() - begun) / 1e9;
  const cpu = process.cpuUsage(cpuBefore);
  if (output) await writeFile(output, encoded);
  console.log(JSON.stringify({ seconds, cpu_seconds: (cpu.user + cpu.system) / 1e6, bytes: encoded.length }));
}
