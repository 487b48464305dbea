"""The words of codes and checks: 512 English nouns that are easy to say, to hear and to type.

Written for this project and free to use under its licence. No two are one letter apart, and no two words written
together read as two others. The order is part of the protocol (check words): a list that changes is a new version.
Spec: docs/spec/meeting.md.
"""

_TEXT = """
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
"""
WORDS: tuple[str, ...] = tuple(_TEXT.split())
KNOWN = frozenset(WORDS)
_OFF = 2  # letters that a word may be off and still be understood


def distance(one: str, other: str) -> int:
    """How many letters must be put in, left out or changed to come from one word to the other.

    >>> distance("walnut", "wallnut"), distance("orbit", "rabbit")
    (1, 3)
    """
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        last, row = row, [i]
        for j, b in enumerate(other, 1):
            row.append(min(last[j] + 1, row[-1] + 1, last[j - 1] + (a != b)))
    return row[-1]


def nearest(offered: str) -> str | None:
    """The one word that was probably meant, or None: at most two letters off, and no other as close.

    >>> nearest("wallnut"), nearest("qqqqq")
    ('walnut', None)
    """
    alike = [word for word in WORDS if _may_be_near(word, offered)]
    ranked = sorted((distance(offered, word), word) for word in alike)
    if not ranked or ranked[0][0] > _OFF or (len(ranked) > 1 and ranked[1][0] == ranked[0][0]):
        return None
    return ranked[0][1]


def _may_be_near(word: str, offered: str) -> bool:
    """Whether lengths and letters leave room for it. Rules most words out at a hundredth of the cost of `distance`."""
    letters, typed = set(word), set(offered)
    return (
        abs(len(word) - len(offered)) <= _OFF and len(letters - typed) <= _OFF and len(typed - letters) <= _OFF
    )  # each letter that only one of them has takes a change of its own


def pick(entropy: bytes) -> tuple[str, ...]:
    """One word for every two bytes, all equally likely.

    >>> pick(bytes([0, 0, 0, 5, 2, 0]))
    ('abacus', 'amber', 'abacus')
    """
    if len(entropy) % 2:
        raise ValueError("two bytes choose one word")
    return tuple(WORDS[int.from_bytes(entropy[at : at + 2], "big") % len(WORDS)] for at in range(0, len(entropy), 2))
