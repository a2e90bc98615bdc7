import { CATALOGUE, publicContracts } from '@hero/contracts';
import metaSchemas from '@open-rpc/meta-schema';
import { Ajv } from 'ajv';
import { EXAMPLES } from '../src/examples.js';
import { openRpcDocument } from '../src/index.js';
import { COMPONENT } from '../src/schemas.js';

const document = openRpcDocument(publicContracts());

/** The package is CommonJS, so its default export is one level deeper. */
function metaSchema(): object {
  const found: unknown = metaSchemas;
  return typeof found === 'object' && found !== null && 'default' in found
    ? (found.default as object)
    : (found as object);
}

function refsIn(node: unknown): string[] {
  if (typeof node !== 'object' || node === null) return [];
  const own = '$ref' in node && typeof node.$ref === 'string' ? [node.$ref] : [];
  return [...own, ...Object.values(node).flatMap(refsIn)];
}

describe('the OpenRPC document', () => {
  test('is valid against the OpenRPC meta-schema', () => {
    const ajv = new Ajv({ strict: false, allErrors: true, validateFormats: false });
    // The meta-schema's address of JSON Schema, in both of its spellings; ajv has it as draft 7.
    const text = JSON.stringify(metaSchema())
      .replaceAll('"https://meta.json-schema.tools"', '"http://json-schema.org/draft-07/schema#"')
      .replaceAll(
        /"https:\/\/meta\.json-schema\.tools\/#[^"]*"/g,
        '"http://json-schema.org/draft-07/schema#/properties/$ref"',
      );
    const { $schema: _, ...schema } = JSON.parse(text) as { $schema?: string };
    expect(ajv.validate(schema, document) ? [] : ajv.errors).toEqual([]);
  });

  test('has every public method once, and no inner one', () => {
    expect(document.methods.map(({ name }) => name)).toEqual(publicContracts().map(({ name }) => name));
    expect(document.methods.some(({ name }) => name === 'step_commit')).toBe(false);
  });

  test('contains every component that it refers to', () => {
    const known = [
      ...Object.keys(document.components.schemas).map((name) => COMPONENT + name),
      ...Object.keys(document.components.errors).map((name) => `#/components/errors/${name}`),
    ];
    expect(refsIn(document).filter((ref) => !known.includes(ref))).toEqual([]);
  });

  test('takes parameters by name, required ones first, defaults left out', () => {
    const start = document.methods.find(({ name }) => name === 'play_resume');
    expect(start?.paramStructure).toBe('by-name');
    expect(start?.params.map(({ name, required }) => [name, required])).toEqual([
      ['play_sid', true],
      ['payload', true],
      ['resume_id', false],
      ['name', false],
    ]);
  });

  test('describes shapes that the contracts really produce', () => {
    const ajv = new Ajv({ strict: false });
    const { schemas } = document.components;
    const validate = ajv.compile({ $ref: '#/components/schemas/PlayEvent', components: { schemas } });
    const event = {
      play_sid: 'p',
      seq: 1,
      attempt: 1,
      at: '2026-11-21T09:30:00.000Z',
      type: 'status',
      status: 'running',
    };
    expect(validate(event)).toBe(true);
    expect(validate({ ...event, type: 'no such type' })).toBe(false);
  });

  test('carries examples that its methods accept', () => {
    for (const [name, params] of Object.entries(EXAMPLES)) {
      expect([name, CATALOGUE.get(name)?.params.safeParse(params).success]).toEqual([name, true]);
    }
  });

  test('says which parameter limits a method that waits', () => {
    expect(document.methods.filter((m) => m['x-waits']).map((m) => [m.name, m['x-waits']])).toEqual([
      ['play_wait', 'timeout_ms'],
    ]);
  });
});
