import { expect, test } from 'vitest'
import { Catalogue } from '../components.ts'
import { loadConfig } from '../config/load.ts'
import { validate } from '../config/validate.ts'

const check = (text: string) =>
  validate(loadConfig(['a.yaml'], { set: [], env: {}, readFile: () => text }), new Catalogue())

const endless = '(a+){0,20}'
const policy = `{name: p, type: string_attribute, string_attribute: {key: k, values: ['${endless}'], enabled_regex_matching: true}}`
const rule = `{action: keep, source_labels: [a], regex: '${endless}'}`

test.each([
  ['receivers', 'hostmetrics', `{scrapers: {disk: {exclude: {devices: ['${endless}'], match_type: regexp}}}}`],
  ['receivers', 'prometheus', `{config: {scrape_configs: [{job_name: a, relabel_configs: [${rule}]}]}}`],
  ['receivers', 'prometheus', `{config: {scrape_configs: [{job_name: a, metric_relabel_configs: [${rule}]}]}}`],
  ['processors', 'cumulativetodelta', `{include: {metrics: ['${endless}'], match_type: regexp}}`],
  ['processors', 'filter', `{metrics: {exclude: {metric_names: ['${endless}'], match_type: regexp}}}`],
  ['processors', 'tail_sampling', `{policies: [${policy}]}`],
  ['processors', 'transform', `{log_statements: ['set(body, "") where IsMatch(body, "${endless}")']}`],
])('a pattern that nothing bounds is warned of: %s %s %s', async (section, type, settings) => {
  const { warnings } = await check(`${section}: {${type}: ${settings}}`)
  expect(warnings.map(({ path, message }) => `${path}: ${message}`)).toContainEqual(
    expect.stringMatching(new RegExp(`^${section}.${type}: the pattern ".*\\(a\\+\\)\\{0,20\\}.*" may take very long`)),
  )
})

test('a pattern of hostmetrics that is none is a problem where it stands', async () => {
  const { problems } = await check(
    "receivers: {hostmetrics: {scrapers: {network: {include: {interfaces: [eth0, '(?=a)'], match_type: regexp}}}}}",
  )
  expect(problems.map(({ path, message }) => `${path}: ${message}`)).toContain(
    'receivers.hostmetrics.scrapers.network.include.interfaces.1: "(?=a)": Go has no looking ahead or behind',
  )
})
