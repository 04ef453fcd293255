// A child process of the bench: answers calls of the functions that the module named on its command
// line exports.
const tasks = await import(process.argv[2]);

process.on('message', async ({ id, name, args }) => {
  try {
    process.send({ id, answer: await tasks[name](...args) });
  } catch (error) {
    process.send({ id, error: error instanceof Error ? `${error.name}: ${error.message}` : String(error) });
  }
});
// The bench has ended.
process.on('disconnect', () => process.exit());
process.send({ id: 0 });
