// Runs tests of http-cache-tests against a base URL and prints, as JSON, for each its kind, "" or
// why it failed, whether that was while it was set up, and the tests that it builds on.
// usage: suite.mjs BASE all|honest|lying [ID…]
//   lying: the origin of these sends more bytes than its Content-Length says. Who shares a
//   connection to it with others cannot help mixing them up, so they are run apart.
import fetch from 'node-fetch'
import { runTests, getResults } from 'http-cache-tests/client/runner.mjs'
import suites from 'http-cache-tests/tests/index.mjs'
import surrogate from 'http-cache-tests/tests/surrogate-control.mjs'

const [base, part, ...only] = process.argv.slice(2)
const all = [...suites, surrogate]
const byId = new Map(all.flatMap(suite => suite.tests.map(test => [test.id, test])))
const lies = id => id.endsWith('-Content-Length')
const chosen = all.map(suite => ({
  ...suite,
  tests: suite.tests.filter(({ id }) =>
    only.length > 0 ? only.includes(id) : part === 'all' || (part === 'lying') === lies(id))
}))
for (const id of only) byId.get(id).dump = true

await runTests(chosen, fetch, false, base)
const told = {}
for (const [id, result] of Object.entries(getResults())) {
  const { kind, depends_on: on } = byId.get(id)
  const [name, reason] = result === true ? ['', ''] : result
  told[id] = { kind: kind || 'required', reason, setup: name === 'Setup', on: on || [] }
}
console.log(JSON.stringify(told))
