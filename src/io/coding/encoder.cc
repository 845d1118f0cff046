#include "io/coding/encoder.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>

#include <brotli/encode.h>
#include <zlib.h>
#include <zstd.h>

namespace moln::coding {
namespace {

constexpr std::size_t k_piece = 64u << 10;  // that comes out at a time

// Levels: quick ones cost about as much as TLS does for the same bytes.
constexpr int k_gzip_quick = 5;
constexpr int k_gzip_kept = 6;
constexpr int k_gzip_best = 9;
constexpr int k_gzip_window = 15 + 16;  // the largest, and a gzip header
constexpr int k_gzip_memory = 8;
constexpr int k_brotli_quick = 4;
constexpr int k_brotli_kept = 6;
constexpr int k_brotli_best = 11;
// What larger files gain beyond it costs minutes.
constexpr int k_brotli_best_large = 9;
constexpr std::size_t k_brotli_large = 4u << 20;
constexpr int k_zstd_quick = 3;
constexpr int k_zstd_kept = 9;
constexpr int k_zstd_best = 19;
// Browsers refuse a window of more than 8 MiB (RFC 9659).
constexpr int k_zstd_window_log_max = 23;

struct Levels {
    int quick, kept, best;
    int of(Effort effort) const {
        switch (effort) {
            case Effort::quick: return quick;
            case Effort::kept: return kept;
            case Effort::best: break;
        }
        return best;
    }
};
constexpr Levels k_gzip = {k_gzip_quick, k_gzip_kept, k_gzip_best};
constexpr Levels k_brotli = {k_brotli_quick, k_brotli_kept, k_brotli_best};
constexpr Levels k_zstd = {k_zstd_quick, k_zstd_kept, k_zstd_best};

class Gzip final : public Encoder {
public:
    Gzip() = default;
    Gzip(const Gzip&) = delete;
    Gzip& operator=(const Gzip&) = delete;
    ~Gzip() override {
        if (good_) deflateEnd(&stream_);
    }
    bool begin(Effort effort) {
        good_ = deflateInit2(&stream_, k_gzip.of(effort), Z_DEFLATED, k_gzip_window, k_gzip_memory,
                             Z_DEFAULT_STRATEGY) == Z_OK;
        return good_;
    }
    bool encode(std::string_view in, Next next, std::string& out) override {
        // zlib counts in 32 bits.
        constexpr std::size_t k_step = 1u << 30;
        while (in.size() > k_step) {
            if (!put(in.substr(0, k_step), Z_NO_FLUSH, out)) return false;
            in.remove_prefix(k_step);
        }
        const int flush = next == Next::end     ? Z_FINISH
                          : next == Next::flush ? Z_SYNC_FLUSH
                                                : Z_NO_FLUSH;
        return put(in, flush, out);
    }

private:
    bool put(std::string_view in, int flush, std::string& out) {
        std::array<unsigned char, k_piece> room;
        stream_.next_in = reinterpret_cast<unsigned char*>(const_cast<char*>(in.data()));
        stream_.avail_in = static_cast<unsigned>(in.size());
        do {
            stream_.next_out = room.data();
            stream_.avail_out = static_cast<unsigned>(room.size());
            const int got = deflate(&stream_, flush);
            if (got == Z_STREAM_ERROR) return false;
            out.append(reinterpret_cast<const char*>(room.data()), room.size() - stream_.avail_out);
        } while (stream_.avail_out == 0);
        return true;
    }

    z_stream stream_{};
    bool good_ = false;
};

class Brotli final : public Encoder {
public:
    explicit Brotli(Effort effort) : effort_(effort), state_(make_state()) {
        if (!state_) return;
        BrotliEncoderSetParameter(state_.get(), BROTLI_PARAM_QUALITY,
                                  static_cast<std::uint32_t>(k_brotli.of(effort)));
    }
    bool good() const { return state_ != nullptr; }
    bool encode(std::string_view in, Next next, std::string& out) override {
        note_size(in.size(), next);
        const auto operation = next == Next::end     ? BROTLI_OPERATION_FINISH
                               : next == Next::flush ? BROTLI_OPERATION_FLUSH
                                                     : BROTLI_OPERATION_PROCESS;
        auto left = in.size();
        const auto* at = reinterpret_cast<const std::uint8_t*>(in.data());
        do {
            std::size_t none = 0;
            if (BrotliEncoderCompressStream(state_.get(), operation, &left, &at, &none, nullptr,
                                            nullptr) == BROTLI_FALSE) {
                return false;
            }
            std::size_t size = 0;
            const auto* bytes = BrotliEncoderTakeOutput(state_.get(), &size);
            out.append(reinterpret_cast<const char*>(bytes), size);
        } while (left > 0 || BrotliEncoderHasMoreOutput(state_.get()) == BROTLI_TRUE);
        return true;
    }

private:
    using State = std::unique_ptr<BrotliEncoderState, void (*)(BrotliEncoderState*)>;
    static State make_state() {
        return {BrotliEncoderCreateInstance(nullptr, nullptr, nullptr),
                BrotliEncoderDestroyInstance};
    }
    // Taken before the first byte only.
    void note_size(std::size_t bytes, Next next) {
        if (begun_) return;
        begun_ = true;
        if (next != Next::end) return;
        const auto hint = std::min<std::size_t>(bytes, std::numeric_limits<std::uint32_t>::max());
        BrotliEncoderSetParameter(state_.get(), BROTLI_PARAM_SIZE_HINT,
                                  static_cast<std::uint32_t>(hint));
        if (effort_ == Effort::best && bytes > k_brotli_large) {
            BrotliEncoderSetParameter(state_.get(), BROTLI_PARAM_QUALITY, k_brotli_best_large);
        }
    }

    Effort effort_;
    State state_;
    bool begun_ = false;
};

class Zstd final : public Encoder {
public:
    explicit Zstd(Effort effort) : context_(ZSTD_createCCtx(), ZSTD_freeCCtx) {
        if (!context_) return;
        ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, k_zstd.of(effort));
        if (effort == Effort::best) {
            ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_windowLog, k_zstd_window_log_max);
        }
    }
    bool good() const { return context_ != nullptr; }
    bool encode(std::string_view in, Next next, std::string& out) override {
        // With the whole at hand tables are made to its measure.
        if (!begun_ && next == Next::end) ZSTD_CCtx_setPledgedSrcSize(context_.get(), in.size());
        begun_ = true;
        const auto directive = next == Next::end     ? ZSTD_e_end
                               : next == Next::flush ? ZSTD_e_flush
                                                     : ZSTD_e_continue;
        ZSTD_inBuffer from{.src = in.data(), .size = in.size(), .pos = 0};
        std::array<char, k_piece> room;
        for (;;) {
            ZSTD_outBuffer to{.dst = room.data(), .size = room.size(), .pos = 0};
            const auto left = ZSTD_compressStream2(context_.get(), &to, &from, directive);
            if (ZSTD_isError(left) != 0) return false;
            out.append(room.data(), to.pos);
            const bool all_in = from.pos == from.size;
            if (all_in && (directive == ZSTD_e_continue || left == 0)) return true;
        }
    }

private:
    std::unique_ptr<ZSTD_CCtx, std::size_t (*)(ZSTD_CCtx*)> context_;
    bool begun_ = false;
};

template <typename T>
std::unique_ptr<Encoder> if_good(Effort effort) {
    auto made = std::make_unique<T>(effort);
    if (!made->good()) return nullptr;
    return made;
}

}  // namespace

std::unique_ptr<Encoder> Encoder::make(ContentCoding coding, Effort effort) {
    switch (coding) {
        case ContentCoding::identity: return nullptr;
        case ContentCoding::gzip: {
            auto made = std::make_unique<Gzip>();
            if (!made->begin(effort)) return nullptr;
            return made;
        }
        case ContentCoding::br: return if_good<Brotli>(effort);
        case ContentCoding::zstd: return if_good<Zstd>(effort);
    }
    return nullptr;
}

std::optional<std::string> encode(ContentCoding coding, Effort effort, std::string_view in) {
    const auto encoder = Encoder::make(coding, effort);
    std::string out;
    if (!encoder || !encoder->encode(in, Next::end, out)) return std::nullopt;
    return out;
}

}  // namespace moln::coding
