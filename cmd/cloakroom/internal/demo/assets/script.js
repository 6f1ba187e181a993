'use strict';

// The page works without this script, but for the two steps that send several requests
// at once. The server renders everything: the script sends requests, fetches the page
// as it stands and puts the parts marked data-live in place.
(() => {
  const byId = (id) => document.getElementById(id);
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

  async function send(path, options) {
    const answer = await fetch(path, { cache: 'no-store', ...options });
    if (!answer.ok) throw new Error(`${path} was answered with ${answer.status}.`);
    return answer;
  }

  // The token of the forms goes with requests, for browsers that do not say where these
  // come from. It is another one at each look, and a new one is needed after a sign-in.
  const token = (page) => page.querySelector('[name="csrf_token"]')?.value ?? '';
  const tokens = /(name="csrf_token" value=")[^"]*/g;

  const quietly = { headers: { Accept: 'application/json' } };
  const post = (path, fields) => send(path, {
    method: 'POST',
    headers: { ...quietly.headers, 'X-CSRF-Token': token(document) },
    body: new URLSearchParams(fields),
  });

  // What the server last said of each part; the page may show it otherwise by now.
  const shown = new Map();
  const said = (part) => part.innerHTML.replace(tokens, '$1');
  for (const part of document.querySelectorAll('[data-live]')) shown.set(part.id, said(part));

  let latest = 0;
  async function refresh() {
    const turn = ++latest;
    const answer = await send('/live');
    const fresh = new DOMParser().parseFromString(await answer.text(), 'text/html');
    if (turn !== latest) return; // a later refresh knows more
    for (const [id, html] of shown) {
      const part = fresh.getElementById(id);
      if (!part || said(part) === html) continue;
      shown.set(id, said(part));
      byId(id).replaceChildren(...part.childNodes);
    }
    for (const field of document.querySelectorAll('[name="csrf_token"]')) field.value = token(fresh);
    wind();
  }

  // What the page shows, as the server last rendered it.
  const items = () => Number(document.querySelector('[data-items]').dataset.items);
  const session = () => document.querySelector('[data-session]')?.dataset;
  const row = (selector) => document.querySelector(`#ledger tr${selector}`);

  // say announces a result. Results are lines of their own, so that they can be read out.
  function say(id, text, good) {
    const line = byId(id);
    line.textContent = text;
    line.classList.toggle('good', good === true);
    line.classList.toggle('bad', good === false);
  }

  let busy = false;
  // onClick runs one action at a time. Buttons stay enabled meanwhile: a disabled one
  // would lose the keyboard focus.
  function onClick(id, result, action) {
    const button = byId(id);
    button.disabled = false;
    button.addEventListener('click', async (event) => {
      event.preventDefault();
      if (busy) return;
      busy = true;
      button.setAttribute('aria-busy', 'true');
      try {
        await action();
      } catch (error) {
        say(result, `That did not work: ${error.message}`, false);
      } finally {
        busy = false;
        button.removeAttribute('aria-busy');
      }
    });
  }

  onClick('parallel', 'parallel-result', async () => {
    const count = 20;
    say('parallel-result', 'Emptying the cart…');
    await post('/cart/empty'); // there is a session now, if there was none,
    await refresh(); // and with it a token
    say('parallel-result', `Sending ${count} requests…`);
    const sent = Array.from({ length: count }, () => post('/cart'));
    const answers = await Promise.allSettled(sent);
    await refresh();
    const failed = answers.filter((answer) => answer.status === 'rejected').length;
    const kept = items();
    const text = `${kept} of ${count} kept` + (failed ? `; ${failed} requests failed.` : '.');
    say('parallel-result', text, kept === count);
  });

  onClick('race', 'race-result', async () => {
    say('race-result', 'Both are under way…');
    say('parallel-result', ''); // that cart goes with the session
    byId('race-show').hidden = true;
    await refresh();
    if (!session()?.owner) {
      await post('/sign-in', { name: 'Robin' });
      await refresh();
    }
    const before = { ...session() };

    const start = performance.now();
    const now = () => performance.now() - start;
    const times = [];
    const mark = (text) => times.push([now(), text]);

    mark('The slow request is sent.');
    let slowEnd;
    const slow = post('/slow').then((answer) => {
      slowEnd = now();
      return answer.json();
    });
    slow.catch(() => {}); // it is awaited below, unless something else fails first
    // The list of costs shows when the slow request has loaded the session.
    while (!row('[data-request="POST /slow"][data-under-way]:not([data-loads="0"])')) {
      if (slowEnd) throw new Error('the slow request was over too soon.');
      await pause(40);
      await refresh();
    }
    mark(`It has loaded the session of ${before.owner} and edits it.`);
    const outStart = now();
    await post('/sign-out');
    const outEnd = now();
    mark('You are signed out: the record is removed, the cookie cleared.');
    const fate = await slow;
    mark(fate.dropped.length
      ? `The slow request is answered. Its edit of “${fate.dropped.join('”, “')}” was dropped: ${fate.reason}.`
      : 'The slow request is answered. Its edit was not dropped.');
    await refresh();
    const over = fate.record === 'none' && !session();
    mark(over
      ? 'Asked again: no record, no session, nobody signed in.'
      : 'Asked again: there is a session.');

    const won = over && fate.owner === before.owner && fate.dropped.length > 0;
    show(times, { slow: [times[0][0], slowEnd], out: [outStart, outEnd] });
    say('race-result', won ? 'The sign-out won.' : 'The slow request wrote into an ended session.', won);
  });

  function show(times, bars) {
    const end = Math.max(...times.map(([at]) => at));
    for (const [name, [from, to]] of Object.entries(bars)) {
      const bar = byId(`bar-${name}`).style;
      bar.left = `${(100 * from) / end}%`;
      bar.width = `${(100 * (to - from)) / end}%`;
    }
    byId('bar-out-for').style.left = `${(100 * bars.out[1]) / end}%`;
    byId('race-times').replaceChildren(...times.map(([at, text]) => {
      const line = document.createElement('li');
      const stamp = document.createElement('span');
      stamp.className = 'stamp';
      stamp.textContent = `${Math.round(at)} ms`;
      line.append(stamp, ' ', text);
      return line;
    }));
    byId('race-show').hidden = false;
  }

  onClick('untouched', 'untouched-result', async () => {
    await send('/untouched', quietly);
    await refresh();
    const cost = row('[data-request="GET /untouched"]').dataset;
    const free = cost.loads === '0' && cost.saves === '0' && cost.cookie === 'none';
    say('untouched-result', `${cost.loads} loads, ${cost.saves} saves, cookie: ${cost.cookie}.`, free);
  });

  onClick('direct', 'direct-result', async () => {
    await send('/coins', quietly);
    await refresh();
    const cost = row('[data-request="GET /coins"]').dataset;
    const record = byId('record-json')?.dataset;
    const calls = `${cost.loads} ${cost.loads === '1' ? 'load' : 'loads'} moved ${cost.moved}`;
    const of = record ? ` of ${record.size}.` : '.';
    say('direct-result', calls + of, Number(cost.loads) <= 1);
  });

  // The clock of step 3. The server says how much is left; the clock of this machine may be
  // wrong, so only the time since then is taken from it.
  let clock; // undefined without a session
  function wind() {
    const face = document.querySelector('[data-left]')?.dataset;
    const before = clock;
    clock = face && { ...face, end: performance.now() + Number(face.left), told: before?.told };
    if (face) {
      if (byId('timeout-result').textContent) say('timeout-result', '');
      tick();
    } else if (before && before.end - performance.now() < 2000) {
      byId('left-said').textContent = '';
      say('timeout-result', `Your session has ended: ${before.last}.`);
    }
  }

  // The time is not read out each second, only when little of it is left.
  const warnings = [[10, '10 seconds left.'], [60, 'One minute left.']];

  function tick() {
    if (!clock) return;
    const left = Math.max(clock.end - performance.now(), 0);
    const seconds = Math.ceil(left / 1000);
    const two = (n) => String(n).padStart(2, '0');
    const hours = Math.floor(seconds / 3600);
    const minutes = Math.floor(seconds / 60) % 60;
    byId('left').textContent = (hours ? `${hours}:${two(minutes)}` : minutes) + `:${two(seconds % 60)}`;
    byId('gauge').value = left;
    const [at, text] = warnings.find(([at]) => seconds <= at) ?? [];
    if (at !== clock.told) {
      clock.told = at;
      byId('left-said').textContent = at && at * 1000 < clock.whole ? text : '';
    }
    if (left === 0) look(); // whether it has ended is for the server to say
  }

  // Other windows use the same session, so the page looks again now and then.
  async function look() {
    if (busy || document.visibilityState !== 'visible') return;
    try {
      await refresh();
      byId('offline').hidden = true;
    } catch {
      byId('offline').hidden = false;
    }
  }
  wind();
  setInterval(look, 3000);
  setInterval(tick, 1000);
  document.addEventListener('visibilitychange', look);
})();
