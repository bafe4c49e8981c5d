// Who this VM is: the "godwit,identity" device of Godwit's machine (registers in 32-bit
// little-endian words). Its interrupt says that the machine has made another VM of this one: a
// clone. On other machines there is no such device, and everything here answers `none` or zero.
#include "guest.h"

enum { REGISTER_MAGIC = 0x00, REGISTER_GENERATION = 0x08, REGISTER_ACKNOWLEDGE = 0x0c };
enum { REGISTER_INSTANCE = 0x10, REGISTER_MAC = 0x20, REGISTER_SEED = 0x40 };
enum { IDENTITY_MAGIC = 0x47445749 };

struct identity identity;
static volatile bool changed;

static volatile u32 *device_register(u32 offset) {
  return (volatile u32 *)(machine.identity_base + offset);
}

static void read_bytes(u8 *into, u32 offset, u32 count) {
  for (u32 i = 0; i < count; i++)
    into[i] = (u8)(*device_register(offset + (i & ~3u)) >> (8 * (i & 3)));
}

static void read_all(void) {
  u32 generation;
  // Read again when the machine changed it in the midst: half of each identity would be neither.
  do {
    generation = *device_register(REGISTER_GENERATION);
    read_bytes(identity.instance, REGISTER_INSTANCE, sizeof identity.instance);
    read_bytes(identity.mac, REGISTER_MAC, sizeof identity.mac);
    read_bytes(identity.seed, REGISTER_SEED, sizeof identity.seed);
  } while (generation != *device_register(REGISTER_GENERATION));
  identity.generation = generation;
}

static void identity_interrupt(void) {
  *device_register(REGISTER_ACKNOWLEDGE) = 1;
  changed = true;
}

void identity_start(void) {
  if (!machine.identity_base || *device_register(REGISTER_MAGIC) != IDENTITY_MAGIC) return;
  identity.present = true;
  read_all();
  trap_on_irq(machine.identity_irq, identity_interrupt);
}

void identity_refresh(void) {
  if (!changed) return;
  changed = false;
  read_all();
  put_text("identity instance=");
  put_instance();
  put_text(" mac=");
  put_mac();
  put_field("generation", identity.generation);
  put_char('\n');
}

void put_instance(void) {
  if (!identity.present) return put_text("none");
  for (u32 i = 0; i < sizeof identity.instance; i++) {
    if (i == 4 || i == 6 || i == 8 || i == 10) put_char('-');
    put_hex(identity.instance[i], 2);
  }
}

void put_mac(void) {
  if (!identity.present) return put_text("none");
  for (u32 i = 0; i < sizeof identity.mac; i++) {
    if (i) put_char(':');
    put_hex(identity.mac[i], 2);
  }
}

u64 identity_seed64(void) {
  u64 seed = 0;
  for (u32 i = 0; i < 8; i++) seed = seed << 8 | identity.seed[i];
  return seed;
}
