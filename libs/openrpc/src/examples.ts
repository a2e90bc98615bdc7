/** One example of parameters for each method of the OpenRPC document. */
const PLAY = '019aa3c4-6f1e-7c3a-9d52-0b6f1c2d3e4f';
const SOURCE =
  'from hero_tracing import flow\n\n@flow(name="greet", inputs={"who": {"type": "string", "required": True}})\n' +
  'def main(who):\n    return {"text": f"Hello {who}"}\n';

/** Parameters that show how a method is called. A test validates them against the contracts. */
export const EXAMPLES: Readonly<Record<string, Record<string, unknown>>> = {
  workflow_create: { name: 'greet', python_source: SOURCE },
  workflow_get: { name: 'greet' },
  workflow_inspect: { python_source: SOURCE },
  play_start: { workflow_name: 'greet', input_data: { who: 'Ada' } },
  play_status: { play_sid: PLAY, include: ['spans', 'logs'] },
  play_wait: { play_sid: PLAY, until: 'settled', timeout_ms: 60_000 },
  play_resume: { play_sid: PLAY, name: 'approve', payload: true },
  play_list: { status: ['failed', 'timed_out'], limit: 20 },
  play_events: { play_sid: PLAY, after_seq: 120 },
  flow_library_search: { query: 'send a report', limit: 5 },
};
