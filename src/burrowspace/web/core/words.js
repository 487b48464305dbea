/**
 * The words of codes and checks: 512 English nouns. Twin of core/words.py, which says how they were chosen; the order
 * is part of the protocol. Spec: docs/spec/meeting.md.
 */

const TEXT = `
abacus acorn album almond alpaca amber anchor antler apple apron arcade archer arrow artist atlas attic autumn
avenue avocado axle bakery balcony ballad bamboo banana bandage banjo barrel basil basket bazaar bead beaver
bedroom berry bicycle biscuit blender blossom bonfire bonnet bottle bouquet bowl branch brass breeze brick bridge
broom brother buckle buffalo bulb burger button cabbage cactus calf camera campus canoe canvas caramel caravan
cargo carpet cartoon castle cavern celery cellar cello cereal chain chariot cheese cherry chess chicken chimney
chorus cider cinema circus cliff clock cloud clover cobalt cobra coconut coffee comet compass concert condor corner
cottage cotton cougar cousin cowboy coyote crab cradle crayon cricket crown crystal cube cumin curtain cushion
custard cyclone cymbal daisy dancer deer desert diamond diary dingo diploma doctor dolphin domino donkey drawer
drum duck dune eagle echo eclipse editor elixir emerald empire engine evening exam fabric family farmer faucet
feather fedora fence ferret fiddle film finch fjord flag flannel flute folder forest fork fossil freckle freezer
friend frog fudge furnace gadget galaxy gallery garage garden garlic gazelle gecko geyser giant ginger giraffe
glacier globe goblet goggles gondola goose gopher gorilla granite grape gravel grocer grotto guitar gull hallway
hamlet hammock hamster harbor harvest hatchet hazel hedge herb hermit highway hippo holiday honey hoodie horizon
house husky hyena iceberg icicle igloo iguana inkwell insect island ivory jaguar jasmine javelin jelly jersey jewel
jigsaw journal juggler juice juniper kayak kennel kettle keyhole kimono kingdom kitchen kite kitten kiwi knight
knot koala label ladder lagoon lamp lantern laptop lasso laundry lawn leaf legend lemon lentil leopard lesson
letter lettuce library lilac linen lizard llama lobby lobster locket logo lotus lounge lullaby lunch machine magma
magnet magpie mailbox mammoth marble marmot mascot meadow medal melody melon memory menu mermaid meteor mirror
monsoon morning mosaic motor muffin museum napkin narwhal nebula nectar needle nephew nest network noodle novel
nugget nutmeg oasis oatmeal ocean octagon octopus office olive omelet onion opal opera orange orbit orchard orchid
oriole osprey ostrich otter oven oxygen paddle pagoda painter palace pancake papaya paper paprika parcel parsley
pasta pastry peach peacock peanut pearl pebble pecan pelican pencil penguin perfume photo piano picnic picture
pigeon pillow pilot pioneer pirate pixel pizza planet plaza podium poem pond popcorn porch postman potato pottery
prairie pretzel prince prism pudding pulley pumpkin puppet puzzle pyramid python quartz queen quilt quiver rabbit
raccoon radar radish rainbow raisin razor recipe reef ribbon robin robot rodeo rowboat ruby rudder saffron sailor
salad salmon salsa sandal satchel sauce sausage scarf school scooter scout shadow shelf sherbet shovel shrimp
sister slipper sloth snail soup spark sparrow spider spinach spiral spoon spruce squash squid statue storm studio
sugar summer sunset surfer swan sweater tadpole teacher teapot tennis theater thimble thistle throne thunder timber
toast tomato topaz tornado toucan tower tractor trail trophy truffle trumpet tulip tundra turkey turtle tuxedo twig
ukulele uncle unicorn vacuum vanilla vase velvet vessel village vinegar violin volcano voyage vulture waffle wagon
walnut walrus warbler wedding whale wheat widget window wombat wonder wool wreath writer yacht yogurt yolk zebra
zigzag zipper zodiac
`;

export const WORDS = Object.freeze(TEXT.trim().split(/\s+/));
export const KNOWN = new Set(WORDS);

/** How many letters must be put in, left out or changed to come from one word to the other.
 * @param {string} one @param {string} other */
export function distance(one, other) {
  let row = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (let i = 1; i <= one.length; i++) {
    const last = row;
    row = [i];
    for (let j = 1; j <= other.length; j++) {
      row.push(Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (one[i - 1] === other[j - 1] ? 0 : 1)));
    }
  }
  return row[other.length];
}

const OFF = 2; // letters that a word may be off and still be understood

/** The one word that was probably meant, or null: at most two letters off, and no other as close.
 * @param {string} offered @returns {string | null} */
export function nearest(offered) {
  const alike = WORDS.filter((word) => mayBeNear(word, offered));
  const ranked = alike.map((word) => ({ word, far: distance(offered, word) })).sort((a, b) => a.far - b.far);
  if (!ranked.length || ranked[0].far > OFF || ranked[1]?.far === ranked[0].far) return null;
  return ranked[0].word;
}

/** Whether lengths and letters leave room for it: each letter that only one of them has takes a change of its own. Rules
 * most words out at a hundredth of the cost of `distance`. @param {string} word @param {string} offered */
function mayBeNear(word, offered) {
  const letters = new Set(word), typed = new Set(offered);
  const lacks = [...letters].filter((each) => !typed.has(each)).length;
  const adds = [...typed].filter((each) => !letters.has(each)).length;
  return Math.abs(word.length - offered.length) <= OFF && lacks <= OFF && adds <= OFF;
}

/** One word for every two bytes, all equally likely. @param {Uint8Array} entropy @returns {string[]} */
export function pick(entropy) {
  if (entropy.length % 2) throw new TypeError("two bytes choose one word");
  const found = [];
  for (let at = 0; at < entropy.length; at += 2) found.push(WORDS[(entropy[at] * 256 + entropy[at + 1]) % WORDS.length]);
  return found;
}
