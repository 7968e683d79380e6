/* Stands in for the driver library of Spectrum cards: one digitizer that streams a ramp, and whatever goes wrong.
 *
 * Sample of tick t on channel c: ((t + 7 c) mod 2^bits) - 2^(bits-1), two's complement, or offset binary after the
 * card's own conversion to 8 bits. Memory that is given back is overwritten at once, as a fast card would.
 */
#define _POSIX_C_SOURCE 200809L
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum {
    OK = 0, BOARD_NOT_FOUND = 0x0A, NETWORK_TRANSFER = 0x41, UNKNOWN_REGISTER = 0x100, VALUE = 0x101, SEQUENCE = 0x103, TIMED_OUT = 0x107,
    CLOCK_NOT_LOCKED = 0x10C, NOTIFY_SIZE = 0x111, HW_OVERRUN = 0x301
};
enum {
    DRIVER_VERSION = 1200, M2CMD = 100, M2STATUS = 110, USER_LEN = 200, USER_POS = 201, CARD_LEN = 202, MODULES = 1100, PER_MODULE = 1110,
    BYTES = 1120, BITS = 1125, MAX_VALUE = 1126, MIN_CLOCK = 1130, MAX_CLOCK = 1140, IS_DEMO = 1175, PCI_TYPE = 2000,
    FUNCTION = 2001, SERIAL = 2030, CHENABLE = 11000, CHCOUNT = 11001, SAMPLE_RATE = 20000, CLOCK_MODE = 20200,
    CLOCK_MODES = 20201, AMP0 = 30010, FILL = 200910, CONVERSION = 201400, CONVERSIONS = 201401, TIMEOUT_MS = 295130
};
enum { RESET = 1, START = 4, STOP = 0x40, STARTDMA = 0x10000, WAITDMA = 0x20000, STOPDMA = 0x40000 };

typedef struct {
    int64_t present, bits, inputs, least_hz, most_hz, serial, demo, clock_modes, conversions, rate_step_hz;
    int64_t bytes_per_s;     /* 0: as fast as it is read */
    int64_t memory_bytes;    /* of the card, beyond the ring; full of unread samples it overruns */
    int64_t idle_after;      /* blocks; then idle_waits time-outs without samples */
    int64_t idle_waits, overrun_after, vanish_after, clock_unlocked;
    int64_t tail_frames;     /* of an unfinished block, left in the ring by an overrun or an end */
    int64_t gone_now;        /* the card has vanished */
    int64_t end_after;       /* blocks; the transfer then ends without an error */
    int64_t waits_seen, starts_seen, transfers_seen, opens_seen, closes_seen; /* counted by the stand-in */
} Settings;

static const Settings FRESH = {
    .present = 1, .bits = 16, .inputs = 8, .least_hz = 1000, .most_hz = 125000000, .serial = 1234, .clock_modes = 0x29,
    .conversions = 0, .rate_step_hz = 1, .memory_bytes = 1 << 24, .idle_after = -1, .overrun_after = -1,
    .vanish_after = -1, .end_after = -1
};
Settings standin;

static struct { int32_t number; int64_t value; } table[512];
static int entries;
static uint8_t *ring;
static int64_t ring_bytes, notify_bytes, written, freed;
static int running, overran, ended, gone;
static uint32_t pending;
static int32_t failed_register;
static struct timespec began;

void standin_reset(void) { standin = FRESH; entries = 0; running = overran = ended = gone = 0; pending = 0; ring = NULL; }

static int64_t stored(int32_t number, int64_t otherwise) {
    for (int i = 0; i < entries; i++)
        if (table[i].number == number) return table[i].value;
    return otherwise;
}

static void store(int32_t number, int64_t value) {
    int i = 0;
    while (i < entries && table[i].number != number) i++;
    if (i == entries && entries < 512) entries++;
    table[i].number = number;
    table[i].value = value;
}

static uint32_t failed(uint32_t code, int32_t number) { pending = code; failed_register = number; return code; }
static int channels(void) { return __builtin_popcountll((uint64_t)stored(CHENABLE, 1)); }
static int converted(void) { return stored(CONVERSION, 0) != 0; }
static int sample_bytes(void) { return standin.bits <= 8 || converted() ? 1 : 2; }

static double elapsed_s(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - began.tv_sec) + 1e-9 * (double)(now.tv_nsec - began.tv_nsec);
}

static void nap_ms(int64_t ms) {
    struct timespec nap = {ms / 1000, (ms % 1000) * 1000000};
    nanosleep(&nap, NULL);
}

static int64_t due(void) {
    return standin.bytes_per_s ? (int64_t)(elapsed_s() * (double)standin.bytes_per_s) : INT64_MAX / 2;
}

static void write_bytes(int64_t bytes) {
    int width = converted() ? 8 : (int)standin.bits, n = channels(), size = sample_bytes();
    int64_t frames = bytes / (n * size), tick = written / (n * size);
    uint8_t *to = ring + written % ring_bytes;
    for (int64_t f = 0; f < frames; f++, tick++)
        for (int c = 0; c < n; c++, to += size) {
            int32_t code = (int32_t)((tick + 7 * c) & ((1 << width) - 1));
            int16_t count = (int16_t)(code - (1 << (width - 1)));
            if (size == 2) memcpy(to, &count, 2);
            else *to = converted() ? (uint8_t)code : (uint8_t)count;
        }
    written += bytes;
}

static void overrun(void) {
    int64_t tail = standin.tail_frames * channels() * sample_bytes();
    if (written - freed + tail > ring_bytes) return;
    write_bytes(tail);
    overran = 1;
    failed(HW_OVERRUN, M2CMD);
}

static void produce(void) {
    while (running && !overran && !ended && !gone) {
        int64_t block = written / notify_bytes;
        if (standin.vanish_after >= 0 && block >= standin.vanish_after) { gone = 1; return; }
        if (standin.overrun_after >= 0 && block >= standin.overrun_after) { overrun(); return; }
        if (standin.end_after >= 0 && block >= standin.end_after) { ended = 1; return; }
        if (standin.idle_waits > 0 && block >= standin.idle_after && standin.idle_after >= 0) return;
        if (due() - written < notify_bytes) return;
        if (written - freed + notify_bytes > ring_bytes) {
            if (standin.bytes_per_s && due() - written > standin.memory_bytes) overrun();
            return;
        }
        write_bytes(notify_bytes);
    }
}

static uint32_t wait_for_block(void) {
    int64_t left_ms = stored(TIMEOUT_MS, 1000);
    standin.waits_seen++;
    if (standin.idle_waits > 0 && standin.idle_after >= 0 && written / notify_bytes >= standin.idle_after) {
        standin.idle_waits--;
        nap_ms(left_ms < 2 ? left_ms : 2);
        return TIMED_OUT;
    }
    for (;; left_ms--) {
        produce();
        if (gone) return failed(NETWORK_TRANSFER, M2CMD);
        if (overran) return failed(HW_OVERRUN, M2CMD);
        if (written - freed >= notify_bytes) return OK;
        if (left_ms <= 0) return TIMED_OUT;
        nap_ms(1);
    }
}

static uint32_t command(int64_t bits) {
    if (bits & RESET) entries = 0;
    if (bits & (STOP | STOPDMA)) running = 0;
    if (bits & START) {
        if (standin.clock_unlocked) return failed(CLOCK_NOT_LOCKED, M2CMD);
        if (!ring || !(bits & STARTDMA)) return failed(SEQUENCE, M2CMD);
        standin.starts_seen++;
        running = 1;
        clock_gettime(CLOCK_MONOTONIC, &began);
    }
    return bits & WAITDMA ? wait_for_block() : OK;
}

void *spcm_hOpen(const char *name) {
    if (!standin.present || strcmp(name, "/dev/spcm0")) return NULL;
    standin.opens_seen++;
    return &standin;
}

void spcm_vClose(void *card) { (void)card; standin.closes_seen++; running = 0; ring = NULL; }

uint32_t spcm_dwSetParam_i64(void *card, int32_t number, int64_t value) {
    if (!card) return OK;
    if (pending) return pending;
    if (gone || standin.gone_now) return failed(NETWORK_TRANSFER, number);
    if (number == M2CMD) return command(value);
    if (number == CARD_LEN) {
        for (int64_t at = freed; at < freed + value; at++) ring[at % ring_bytes] = 0x5A;
        freed += value;
        return OK;
    }
    if (number == CHENABLE && value >= 1LL << standin.inputs) return failed(VALUE, number);
    if (number >= AMP0 && number < AMP0 + 1600 && (number - AMP0) % 100 == 0 && value > 10000) return failed(VALUE, number);
    if (number == CONVERSION && !standin.conversions) return failed(UNKNOWN_REGISTER, number);
    if (number == SAMPLE_RATE) value -= value % standin.rate_step_hz;
    store(number, value);
    return OK;
}

uint32_t spcm_dwGetParam_i64(void *card, int32_t number, int64_t *value) {
    *value = number == DRIVER_VERSION ? 0x07060000 | 24000 : 0;
    if (!card) return OK;
    if (pending) return pending;
    if (gone || standin.gone_now) return failed(NETWORK_TRANSFER, number);
    if (number == CONVERSION && !standin.conversions) return failed(UNKNOWN_REGISTER, number);
    switch (number) {
    case M2STATUS: *value = overran ? 0x400 : ended ? 0x200 : 0; return OK;
    case USER_LEN:
        produce();
        if (pending) return pending;
        *value = written - freed;
        return OK;
    case USER_POS: *value = ring_bytes ? freed % ring_bytes : 0; return OK;
    case FILL: {
        int64_t waiting = standin.bytes_per_s ? (due() - written) * 1000 / standin.memory_bytes : 0;
        *value = waiting < 0 ? 0 : waiting > 1000 ? 1000 : waiting;
        return OK;
    }
    case MODULES: *value = 1; return OK;
    case PER_MODULE: *value = standin.inputs; return OK;
    case BYTES: *value = standin.bits <= 8 ? 1 : 2; return OK;
    case BITS: *value = standin.bits; return OK;
    case MAX_VALUE: *value = (1 << (standin.bits - 1)) - 1; return OK;
    case MIN_CLOCK: *value = standin.least_hz; return OK;
    case MAX_CLOCK: *value = standin.most_hz; return OK;
    case IS_DEMO: *value = standin.demo; return OK;
    case FUNCTION: *value = 1; return OK;
    case PCI_TYPE: *value = 0x95943; return OK;
    case SERIAL: *value = standin.serial; return OK;
    case CHCOUNT: *value = channels(); return OK;
    case CLOCK_MODES: *value = standin.clock_modes; return OK;
    case CONVERSIONS: *value = standin.conversions; return OK;
    default:
        *value = stored(number, number >= AMP0 && number < AMP0 + 1600 && (number - AMP0) % 100 == 0 ? 1000 : 0);
        return OK;
    }
}

uint32_t spcm_dwSetParam_i32(void *card, int32_t number, int32_t value) { return spcm_dwSetParam_i64(card, number, value); }
uint32_t spcm_dwSetParam_d64(void *card, int32_t number, double value) {
    return spcm_dwSetParam_i64(card, number, (int64_t)value);
}
uint32_t spcm_dwSetParam_i64m(void *card, int32_t number, int32_t high, uint32_t low) {
    return spcm_dwSetParam_i64(card, number, (int64_t)high << 32 | low);
}
uint32_t spcm_dwSetParam_ptr(void *card, int32_t number, void *from, uint64_t bytes) {
    (void)card; (void)number; (void)from; (void)bytes;
    return OK;
}
uint32_t spcm_dwGetParam_i32(void *card, int32_t number, int32_t *value) {
    int64_t wide;
    uint32_t code = spcm_dwGetParam_i64(card, number, &wide);
    *value = (int32_t)wide;
    return code;
}
uint32_t spcm_dwGetParam_d64(void *card, int32_t number, double *value) {
    int64_t wide;
    uint32_t code = spcm_dwGetParam_i64(card, number, &wide);
    *value = (double)wide;
    return code;
}
uint32_t spcm_dwGetParam_ptr(void *card, int32_t number, void *to, uint64_t bytes) {
    (void)card;
    snprintf(to, bytes, "%s", number == PCI_TYPE ? "M2p.5943-x4" : "");
    return OK;
}

uint32_t spcm_dwDefTransfer_i64(void *card, uint32_t kind, uint32_t direction, uint32_t notify, void *buffer,
                                uint64_t offset, uint64_t bytes) {
    if (!card || kind != 1000 || direction != 1 || offset) return failed(VALUE, 0);
    if (pending) return pending;
    if (gone || standin.gone_now) return failed(NETWORK_TRANSFER, 0);
    if (!notify || notify % 4096 || bytes % notify || (uintptr_t)buffer % 4096) return failed(NOTIFY_SIZE, 0);
    ring = buffer; ring_bytes = (int64_t)bytes; notify_bytes = notify;
    written = freed = 0; running = overran = ended = 0;
    standin.transfers_seen++;
    return OK;
}

uint32_t spcm_dwInvalidateBuf(void *card, uint32_t kind) { (void)card; (void)kind; ring = NULL; running = 0; return OK; }
uint32_t spcm_dwGetContBuf_i64(void *card, uint32_t kind, void **buffer, uint64_t *bytes) {
    (void)card; (void)kind; *buffer = NULL; *bytes = 0;
    return OK;
}

static uint32_t told(uint32_t *number, char *text) {
    uint32_t code = pending;
    if (number) *number = (uint32_t)failed_register;
    if (text) snprintf(text, 200, code ? "Error 0x%04x at register %d" : "No error", code, failed_register);
    pending = 0;
    return code;
}
uint32_t spcm_dwGetErrorInfo_i32(void *card, uint32_t *number, int32_t *value, char *text) {
    (void)card; if (value) *value = 0; return told(number, text);
}
uint32_t spcm_dwGetErrorInfo_i64(void *card, uint32_t *number, int64_t *value, char *text) {
    (void)card; if (value) *value = 0; return told(number, text);
}
uint32_t spcm_dwGetErrorInfo_d64(void *card, uint32_t *number, double *value, char *text) {
    (void)card; if (value) *value = 0; return told(number, text);
}
uint32_t spcm_dwDiscovery(char **names, uint32_t count, uint32_t bytes, uint32_t timeout_ms) {
    (void)names; (void)count; (void)bytes; (void)timeout_ms; return OK;
}
uint32_t spcm_dwSendIDNRequest(char **answers, uint32_t count, uint32_t bytes) {
    (void)answers; (void)count; (void)bytes; return OK;
}
