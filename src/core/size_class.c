/* SPDX-License-Identifier: BSD-3-Clause OR GPL-2.0-only */
/*
 * Size classes: the table, and the choice of each class's chain length. No state.
 */
#include "size_class.h"

#define FINE_MAX 4096u /* steps are 16 bytes up to here */
#define FINE_CLASSES ((FINE_MAX - ZS_MIN_SLOT) / ZS_SLOT_STEP + 1)
#define OCTAVE_CLASSES 64u
/* A zspage's descriptor: this much, and 33 bits a slot (see zspage.h). */
#define DESCRIPTOR_BYTES 80u
/* Slots of a zspage beyond which longer chains gain nothing. */
#define ENOUGH_SLOTS 512u

static unsigned int log2_floor(uint32_t x)
{
	return 31u - (unsigned int)__builtin_clz(x);
}

static unsigned int index_raw(uint32_t size)
{
	unsigned int octave, step_shift;

	if (size <= ZS_MIN_SLOT)
		return 0;
	if (size <= FINE_MAX)
		return (size - ZS_MIN_SLOT + ZS_SLOT_STEP - 1) / ZS_SLOT_STEP;
	octave = log2_floor(size - 1);
	step_shift = octave - log2_floor(OCTAVE_CLASSES);
	return FINE_CLASSES - 1 + (octave - log2_floor(FINE_MAX)) * OCTAVE_CLASSES +
	       ((size - (1u << octave) + (1u << step_shift) - 1) >> step_shift);
}

size_t zs_size_class_huge(unsigned int page_shift)
{
	uint32_t page_bytes = 1u << page_shift;

	/* Larger slots than this do not fit a chain of the longest kind once more than it has pages. */
	return (page_bytes * ZS_MAX_CHAIN / (ZS_MAX_CHAIN + 1)) / ZS_SLOT_STEP * ZS_SLOT_STEP + 1;
}

unsigned int zs_size_class_index(size_t size, unsigned int page_shift)
{
	uint32_t page_bytes = 1u << page_shift;

	if (size >= zs_size_class_huge(page_shift) && size <= page_bytes)
		return index_raw(page_bytes);
	return index_raw((uint32_t)size);
}

uint32_t zs_size_class_bytes(unsigned int index)
{
	unsigned int octave, step;

	if (index < FINE_CLASSES)
		return ZS_MIN_SLOT + index * ZS_SLOT_STEP;
	octave = (index - FINE_CLASSES) / OCTAVE_CLASSES;
	step = (index - FINE_CLASSES) % OCTAVE_CLASSES + 1;
	return (FINE_MAX << octave) + step * ((FINE_MAX / OCTAVE_CLASSES) << octave);
}

/* What is not payload in a chain of nr_pages: the tail and the descriptor. */
static uint32_t chain_waste(uint32_t slot_bytes, unsigned int nr_pages, unsigned int page_shift)
{
	uint32_t bytes = (uint32_t)nr_pages << page_shift;
	uint32_t nr_slots = bytes / slot_bytes;

	return bytes % slot_bytes + DESCRIPTOR_BYTES + nr_slots * 33 / 8;
}

/* 2^40 / slot_bytes, rounded up, by divisions of 32 bits: 32-bit kernels have no others. */
static uint64_t inverse_of(uint32_t slot_bytes)
{
	uint32_t high = (1u << 31) / slot_bytes;
	uint32_t rest = (1u << 31) % slot_bytes; /* below 2^16 */

	return ((uint64_t)high << 9) + ((rest << 9) + slot_bytes - 1) / slot_bytes;
}

void zs_layout_init(struct zs_layout *layout, uint32_t slot_bytes, unsigned int page_shift)
{
	unsigned int best = 0;
	uint32_t best_slots = 0, best_waste = 0;

	for (unsigned int pages = 1; pages <= ZS_MAX_CHAIN; pages++) {
		uint32_t slots = ((uint32_t)pages << page_shift) / slot_bytes;
		uint32_t waste = chain_waste(slot_bytes, pages, page_shift);

		if (slots == 0 || (slots > ENOUGH_SLOTS && best))
			continue;
		/* Least waste per slot: waste / slots < best_waste / best_slots, without a fraction. */
		if (!best || (uint64_t)waste * best_slots < (uint64_t)best_waste * slots) {
			best = pages;
			best_slots = slots;
			best_waste = waste;
		}
	}
	layout->slot_bytes = slot_bytes;
	layout->nr_slots = (uint16_t)best_slots;
	layout->nr_pages = (uint8_t)best;
	layout->page_shift = (uint8_t)page_shift;
	layout->inverse = inverse_of(slot_bytes);
}
