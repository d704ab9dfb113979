#!/usr/bin/env node
// Grades student/total.c in Node: grade.js MOUNTPOINT
const fs = require('fs');
const path = require('path');
const mount = process.argv[2];
const reasons = { 0: 'wrong output', 252: 'out of memory', 253: 'out of time' };
const limits = { time_limit: 1, hard_time_limit: 3, memory_limit: 64 };

// Starts the command in a run of its own, hands it to use(), removes it.
function run(command, settings, use) {
  const file = (name) => path.join(directory, name);
  const directory = fs.mkdtempSync(path.join(mount, 'total.'));
  try {
    for (const [name, value] of Object.entries(settings)) fs.writeFileSync(file(name), `${value}\n`);
    fs.writeFileSync(file('cmd'), command);
    return use(file);
  } finally {
    fs.rmSync(directory, { recursive: true });
  }
}

const read = (name) => fs.readFileSync(name, 'latin1');
const retval = (file) => Number(read(file('retval')));

// EPIPE: it has ended already.
function write(fd, text) {
  try {
    fs.writeSync(fd, text);
  } catch (error) {
    if (error.code !== 'EPIPE') throw error;
  }
}

function compare(file, name) {
  const stdin = fs.openSync(file('stdin'), 'w');
  write(stdin, read(path.join(mount, `task/tests/${name}.in`)));
  fs.closeSync(stdin);
  return read(file('stdout')) === read(path.join(mount, `task/tests/${name}.out`));
}

function readLine(fd) {
  const byte = Buffer.alloc(1);
  let line = '';
  while (line.length < 100 && fs.readSync(fd, byte) === 1 && byte[0] !== 10) line += byte.toString();
  return line;
}

// The next number is the last answer, so that it must come at once.
function talk(file) {
  const stdin = fs.openSync(file('stdin'), 'w');
  const stdout = fs.openSync(file('stdout'));
  let good = true;
  for (let round = 0, number = 1, sum = 0; good && round < 10; round++) {
    write(stdin, `${number}\n`);
    sum += number;
    number = readLine(stdout);
    good = number === String(sum);
    number = sum;
  }
  fs.closeSync(stdin);
  good = good && fs.readFileSync(stdout).length === 0;
  fs.closeSync(stdout);
  return good;
}

function test(name, check) {
  const [good, value] = run('student/total', limits, (file) => [check(file, name), retval(file)]);
  const points = good && value === 0 ? 4 : 0;
  console.log(`${name}: ${points}/4${points ? '' : ` (${reasons[value] ?? `ended with ${value}`})`}`);
  return points;
}

function grade() {
  const compiles = run('gcc -O1 -o student/total student/total.c', {}, (file) => {
    if (retval(file) === 0) return true;
    console.log('it does not compile');
    console.error(read(file('stderr')));
    return false;
  });
  if (!compiles) return 0;
  let points = 0;
  for (const name of ['few', 'negative', 'none', 'large']) points += test(name, compare);
  return points + test('talk', talk);
}

console.log(`total: ${grade()}/20`);
