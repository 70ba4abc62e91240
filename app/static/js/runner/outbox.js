// The outbox: answers that the server has not acknowledged yet, in the order in which they were given.
// Responsible for making outbox records, for keeping them in localStorage, and for taking over the boxes
// that closed pages left behind. Each page (tab) writes to a box of its own, named by its client id.
//
// A record is one answer: `base` is the revision on which it rests, `offline` that it could not be sent at once.
// It travels as the list [seq, base, item, answer, givenAt, sum, offline as 0 or 1]. On the phone, under the key
// 'ob:<slot>:<client>', stands {"q": [the same lists, with a sign in place of the item], "w": the time at which
// Send was pressed, or 0}. A sign means nothing to a reader of the phone; free text is never written. unsent.js and
// POST late read the same format, and boxes of earlier versions wait on phones: do not change it.

// The page counts as being left for this long after `beforeunload`.
var LEAVING_MS = 5e3;
// The largest prime below 2 to the power of 32; the server computes the same checksum.
var CHECKSUM_MODULUS = 4294967291;
// So many members of the list are checked: those before the checksum.
var CHECKED = 5;

// Records: made from an answer, and turned into lists and back.
function addRecord(section) {
  var answer = LIST ? readRecorded(section) : readAnswer(section), record;
  if (answer === undefined || TYPED && answer !== answer) { return; }
  // The field says what was read, so that nothing else can be read from it when the form is sent.
  if (TYPED && section.dataset.steps) { showAnswer(section, answer); }
  if (state.recorded[section.id] === answer) { return; }
  state.recorded[section.id] = answer;
  record = {
    seq: ++state.lastSeq,
    base: state.revision,
    section: section,
    answer: answer,
    givenAt: localTime(),
    offline: state.connectionLost
  };
  record.sum = checksum(state.signs + [state.ownBox.client].concat(toStored(record).slice(0, CHECKED)));
  state.ownBox.records.push(record);
  writeBox(state.ownBox);
  // A message about earlier answers does not hold for this one.
  if (state.connectionLost) { showWaiting(); } else if (state.storage) { showNetwork(); }
  sendRecords();
}
function toList(record, item) {
  return [record.seq, record.base, item, record.answer, record.givenAt, record.sum, +record.offline];
}
function toSent(record) { return toList(record, codeOf(record.section)); }
function toStored(record) {
  return state.signs ? toList(record, state.signs.charAt(state.sections.indexOf(record.section))) : toSent(record);
}
// What stood on the phone waited there.
function fromStored(list) {
  return {
    seq: list[0],
    base: list[1],
    section: state.sections[state.signs.indexOf(list[2])],
    answer: list[3],
    givenAt: list[4],
    sum: list[5],
    offline: true
  };
}
// A sign of another form stands for no section.
function isOfThisForm(record) { return record.section; }
function checksum(text) {
  return text.split('').reduce(function (sum, sign) { return (sum * 31 + sign.charCodeAt()) % CHECKSUM_MODULUS; }, 7);
}
// The device's time with its offset from UTC, in ISO 8601.
function localTime() {
  var now = new Date(), offset = /GMT(...)(..)/.exec(now);
  return new Date(now - now.getTimezoneOffset() * 6e4).toISOString()
    .replace('Z', offset[1] + ':' + offset[2]);
}
function isStorable(record) { return typeof record.answer !== 'string'; }

// Boxes on the phone.
function isStored() { return state.storage && (!TEXTS || state.ownBox.records.every(isStorable)); }
function firstFilledBox() { return state.boxes.filter(function (box) { return box.records.length; })[0]; }
function readBox(client) {
  try {
    var stored = JSON.parse(state.storage.getItem(state.storagePrefix + client));
    return { client: client, records: stored.q.map(fromStored).filter(isOfThisForm), sendPressedAt: stored.w };
  } catch (e) { return null; }
}
function writeBox(box) {
  var storable = TEXTS ? box.records.filter(isStorable) : box.records;
  // That Send was pressed is not kept while free text waits: nobody else may send the form without it.
  var sendPressedAt = (!TEXTS || storable.length === box.records.length) && box.sendPressedAt;
  var key = state.storagePrefix + box.client;
  try {
    if (storable.length || sendPressedAt) {
      state.storage.setItem(key, JSON.stringify({ q: storable.map(toStored), w: sendPressedAt || 0 }));
    } else {
      state.storage.removeItem(key);
    }
  } catch (e) { state.storage = null; }
}
function clearSendPressed(box) {
  box.sendPressedAt = 0;
  writeBox(box);
}
function isLeaving() { return Date.now() - state.leftAt < LEAVING_MS; }
// Removes acknowledged records. A page that is being left removes none: the next page may have been made
// before the server stored them. Another page may have added to its box since this one read it.
function removeRecords(box, lastSeq) {
  if (isLeaving()) { return; }
  var newest = box !== state.ownBox && readBox(box.client) || box;
  box.records = newest.records.filter(function (record) { return record.seq > lastSeq; });
  writeBox(box);
}
// Opens the storage, unless the study or the phone forbids it, takes over the boxes of other pages, oldest first,
// and shows their answers in the form.
function takeOverBoxes() {
  var keys = [];
  try {
    state.storage = state.signs && window.localStorage;
    state.storage.setItem(state.storagePrefix, '');
    state.storage.removeItem(state.storagePrefix);
    keys = Object.keys(state.storage).sort();
  } catch (e) { state.storage = null; }
  keys.forEach(function (key) {
    var box = !key.indexOf(state.storagePrefix) && readBox(key.split(':')[2]);
    if (!box) { return; }
    state.boxes.push(box);
    state.wasOffline = true;
    state.ownBox.sendPressedAt = box.sendPressedAt || state.ownBox.sendPressedAt;
    box.records.forEach(function (record) {
      showAnswer(record.section, record.answer);
    });
  });
  // This page's box keeps the time of Send before the others give it up.
  writeBox(state.ownBox);
  state.boxes.forEach(clearSendPressed);
  state.boxes.push(state.ownBox);
}
