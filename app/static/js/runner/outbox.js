// The outbox: answers that the server has not acknowledged yet, in the order in which they were given.
// Responsible for making outbox records, for keeping them in localStorage, and for taking over the boxes
// that closed pages left behind. Each page (tab) writes to a box of its own, named by its client id.
//
// A record in memory is what travels to the server: { seq, base, item, value, at, sum, offline }. `base` is
// the revision on which the answer rests, `offline` says that it could not be sent at once.
// On the phone, under the key 'ob:<slot>:<client>', stands {"q": [[seq, base, sign, value, at, sum, 0 or 1]],
// "w": the time at which Send was pressed, or 0}. A sign stands for an item and means nothing to a reader of
// the phone; free text is never written. unsent.js and POST late read the same format: do not change it.

// The page counts as being left for this long after `beforeunload`.
var LEAVING_MS = 5000;
// The largest prime below 2 to the power of 32; the server computes the same checksum.
var CHECKSUM_MODULUS = 4294967291;

// Records: made from an answer, and turned into the positional format of the phone and back.
function addRecord(section) {
  var value = LIST ? readRecorded(section) : readAnswer(section), record;
  if (value === undefined || TYPED && value !== value) { return; }
  // The field says what was read, so that nothing else can be read from it when the form is sent.
  if (TYPED && section.dataset.dec) { showAnswer(section, value); }
  if (state.recorded[section.id] === value) { return; }
  state.recorded[section.id] = value;
  record = makeRecord([
    ++state.lastSeq, state.revision, 0, value, localTime(), 0, state.connectionLost
  ], section);
  record.sum = checksum([state.ownBox.client].concat(encodeRecord(record).slice(0, 5)));
  state.ownBox.records.push(record);
  writeBox(state.ownBox);
  // A message about earlier answers does not hold for this one.
  if (state.connectionLost) { showWaiting(); } else if (state.storage) { showNetwork(''); }
  sendRecords();
}
// The fields are those of the phone, in their order; the section says which item it is.
function makeRecord(fields, section) {
  return {
    seq: fields[0],
    base: fields[1],
    item: codeOf(section),
    value: fields[3],
    at: fields[4],
    sum: fields[5],
    offline: !!fields[6]
  };
}
function encodeRecord(record) {
  var sign = state.signs ? state.signs.charAt(state.sections.indexOf(sectionOf(record.item))) : record.item;
  return [record.seq, record.base, sign, record.value, record.at, record.sum, +record.offline];
}
// Returns undefined for a sign that does not belong to this form.
function decodeRecord(fields) {
  var section = fields && state.sections[state.signs.indexOf(fields[2])];
  return section && makeRecord(fields, section);
}
function checksum(parts) {
  var text = state.signs + parts.join(), sum = 7, i;
  for (i = 0; i < text.length; i++) { sum = (sum * 31 + text.charCodeAt(i)) % CHECKSUM_MODULUS; }
  return sum;
}
// The device's time with its offset from UTC, in ISO 8601.
function localTime() {
  var now = new Date(), offset = /GMT(...)(..)/.exec(now);
  return new Date(now - now.getTimezoneOffset() * 6e4).toISOString()
    .replace('Z', offset[1] + ':' + offset[2]);
}
function isStorable(record) { return typeof record.value !== 'string'; }

// Boxes on the phone.
function isStored() { return state.storage && (!TYPED || state.ownBox.records.every(isStorable)); }
function firstFilledBox() { return state.boxes.filter(function (box) { return box.records.length; })[0]; }
function readBox(client) {
  try {
    var stored = JSON.parse(state.storage.getItem(state.storagePrefix + client));
    return { client: client, records: stored.q.map(decodeRecord).filter(Boolean), sendPressedAt: stored.w };
  } catch (e) { return null; }
}
function writeBox(box) {
  var storable = TYPED ? box.records.filter(isStorable) : box.records;
  // That Send was pressed is not kept while free text waits: nobody else may send the form without it.
  var sendPressedAt = (!TYPED || storable.length === box.records.length) && box.sendPressedAt;
  var key = state.storagePrefix + box.client;
  try {
    if (storable.length || sendPressedAt) {
      state.storage.setItem(key, JSON.stringify({ q: storable.map(encodeRecord), w: sendPressedAt || 0 }));
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
// Opens the storage, unless the study or the phone forbids it, and returns the client ids of the boxes in it.
function listClients() {
  try {
    state.storage = state.signs && window.localStorage;
    state.storage.setItem(state.storagePrefix, '');
    state.storage.removeItem(state.storagePrefix);
    return Object.keys(state.storage).filter(function (key) {
      return !key.indexOf(state.storagePrefix);
    }).sort().map(function (key) { return key.split(':')[2]; });
  } catch (e) {
    state.storage = null;
    return [];
  }
}
// Takes over the boxes of other pages, oldest first, and shows their answers in the form.
function takeOverBoxes() {
  listClients().forEach(function (client) {
    var box = readBox(client);
    if (!box) { return; }
    state.boxes.push(box);
    state.wasOffline = true;
    state.ownBox.sendPressedAt = box.sendPressedAt || state.ownBox.sendPressedAt;
    box.records.forEach(function (record) {
      record.offline = true;
      showAnswer(sectionOf(record.item), record.value);
    });
  });
  // This page's box keeps the time of Send before the others give it up.
  writeBox(state.ownBox);
  state.boxes.forEach(clearSendPressed);
  state.boxes.push(state.ownBox);
}
