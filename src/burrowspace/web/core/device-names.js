/**
 * What to call a device that nobody named, and its picture: "Quiet Fox". All of them dig or live in dens, and all have
 * an emoji, so that name and picture are of one animal (mole, meerkat and wombat have none).
 *
 * A picture is a number that other devices send: it means an animal and a colour, and no number is refused.
 */

const ADJECTIVES = `
quiet brave swift gentle clever merry bold sunny calm lucky nimble cosy proud witty amber silver golden snowy dusty
mossy misty rusty velvet copper
`
  .trim()
  .split(/\s+/);
/** @type {readonly (readonly [string, string])[]} */
const ANIMALS = [
  ["fox", "🦊"],
  ["badger", "🦡"],
  ["rabbit", "🐰"],
  ["hare", "🐇"],
  ["chipmunk", "🐿️"],
  ["hedgehog", "🦔"],
  ["mouse", "🐭"],
  ["hamster", "🐹"],
  ["otter", "🦦"],
  ["skunk", "🦨"],
  ["beaver", "🦫"],
  ["raccoon", "🦝"],
  ["owl", "🦉"],
  ["penguin", "🐧"],
  ["tortoise", "🐢"],
  ["crab", "🦀"],
  ["ant", "🐜"],
  ["beetle", "🪲"],
  ["cricket", "🦗"],
  ["bee", "🐝"],
  ["lizard", "🦎"],
  ["frog", "🐸"],
  ["wolf", "🐺"],
  ["bear", "🐻"],
];
export const PICTURES = 1000; // their numbers are below
const HUES = Math.floor(PICTURES / ANIMALS.length);

/** The name and the picture that belong to 4 bytes or more, for instance a device's handle.
 * @param {Uint8Array} seed @returns {{name: string, picture: number}} */
export function lookOf(seed) {
  const animal = seed[1] % ANIMALS.length;
  const picture = animal + ANIMALS.length * ((seed[2] * 256 + seed[3]) % HUES);
  return { name: `${capital(ADJECTIVES[seed[0] % ADJECTIVES.length])} ${capital(ANIMALS[animal][0])}`, picture };
}

/** "Quiet Fox". @param {Uint8Array} seed 4 bytes or more */
export function deviceName(seed) {
  return lookOf(seed).name;
}

/** `hue`: degrees, 0 to 359. @param {number} picture @returns {{emoji: string, hue: number, animal: string}} */
export function pictureOf(picture) {
  const number = Number.isInteger(picture) && picture >= 0 ? picture % PICTURES : 0;
  const [animal, emoji] = ANIMALS[number % ANIMALS.length];
  return { emoji, hue: Math.floor((360 * (Math.floor(number / ANIMALS.length) % HUES)) / HUES), animal };
}

/** The picture of a device that only its name is known of: its animal, where the name ends with one, on a colour of its
 * own; null: it has another name. @param {string} name @returns {number | null} */
export function pictureNamed(name) {
  const last = name.toLowerCase().split(" ").at(-1);
  const animal = ANIMALS.findIndex(([each]) => each === last);
  if (animal < 0) return null;
  const sum = [...name].reduce((before, letter) => (before * 31 + (letter.codePointAt(0) ?? 0)) % HUES, 7);
  return animal + ANIMALS.length * sum;
}

/** @param {string} word */
function capital(word) {
  return word[0].toUpperCase() + word.slice(1);
}
