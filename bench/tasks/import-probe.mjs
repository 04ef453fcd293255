// Measures what importing the modules of its command line takes in a process that has loaded Nest.
// Milliseconds.
import 'reflect-metadata';
import 'rxjs';
import '@nestjs/common';
import '@nestjs/core';

const cpuBefore = process.cpuUsage();
const startedAt = performance.now();
for (const name of process.argv.slice(2)) await import(name);
const importMs = performance.now() - startedAt;
const { user, system } = process.cpuUsage(cpuBefore);
console.log(JSON.stringify({ importMs, importCpuMs: (user + system) / 1_000 }));
