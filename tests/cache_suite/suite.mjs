// Runs the tests of http-cache-tests against BASE and prints {id: [kind, outcome, reason]}, where
// the outcome is the suite's own: pass, fail, setup, or dependency when what a test builds on did
// not pass. Argument: the base URL, then the ids of single tests to run and tell about.
import fetch from 'node-fetch'
import { runTests, getResults } from 'http-cache-tests/client/runner.mjs'
import suites from 'http-cache-tests/tests/index.mjs'
import surrogate from 'http-cache-tests/tests/surrogate-control.mjs'

const [base, ...only] = process.argv.slice(2)
const all = [...suites, surrogate]
const byId = new Map(all.flatMap(suite => suite.tests.map(test => [test.id, test])))
const chosen = all.map(suite => ({ ...suite, tests: suite.tests.filter(test => only.length === 0 || only.includes(test.id)) }))
if (only.length > 0) for (const id of only) byId.get(id).dump = true

await runTests(chosen, fetch, false, base)
const results = getResults()

function passed (id) {
  return results[id] === true && (byId.get(id).depends_on || []).every(passed)
}
function outcome (id) {
  if (!(byId.get(id).depends_on || []).every(passed)) return 'dependency'
  if (results[id] === true) return 'pass'
  return results[id][0] === 'Setup' ? 'setup' : 'fail'
}
const told = {}
for (const id of Object.keys(results)) {
  told[id] = [byId.get(id).kind || 'required', outcome(id), results[id] === true ? '' : results[id][1]]
}
console.log(JSON.stringify(told))
