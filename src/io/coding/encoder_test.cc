#include "io/coding/encoder.h"

#include <array>
#include <vector>

#include <brotli/decode.h>
#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

namespace moln::coding {
namespace {

// As far as what came can be read.
std::string gunzip(std::string_view coded) {
    z_stream stream{};
    EXPECT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);
    stream.next_in = reinterpret_cast<unsigned char*>(const_cast<char*>(coded.data()));
    stream.avail_in = static_cast<unsigned>(coded.size());
    std::string out;
    std::array<unsigned char, 4096> room;
    for (int got = Z_OK; got == Z_OK;) {
        stream.next_out = room.data();
        stream.avail_out = room.size();
        got = inflate(&stream, Z_SYNC_FLUSH);
        out.append(reinterpret_cast<char*>(room.data()), room.size() - stream.avail_out);
    }
    inflateEnd(&stream);
    return out;
}

std::string unbrotli(std::string_view coded) {
    auto* state = BrotliDecoderCreateInstance(nullptr, nullptr, nullptr);
    auto left = coded.size();
    const auto* at = reinterpret_cast<const std::uint8_t*>(coded.data());
    std::string out;
    for (auto got = BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT;
         got == BROTLI_DECODER_RESULT_NEEDS_MORE_OUTPUT;) {
        std::size_t none = 0;
        got = BrotliDecoderDecompressStream(state, &left, &at, &none, nullptr, nullptr);
        std::size_t size = 0;
        const auto* bytes = BrotliDecoderTakeOutput(state, &size);
        out.append(reinterpret_cast<const char*>(bytes), size);
    }
    BrotliDecoderDestroyInstance(state);
    return out;
}

std::string unzstd(std::string_view coded) {
    auto* context = ZSTD_createDCtx();
    EXPECT_EQ(ZSTD_isError(ZSTD_DCtx_setParameter(context, ZSTD_d_windowLogMax, 23)), 0u);
    ZSTD_inBuffer from{.src = coded.data(), .size = coded.size(), .pos = 0};
    std::string out;
    std::array<char, 4096> room;
    for (ZSTD_outBuffer to{.dst = room.data(), .size = room.size(), .pos = room.size()};
         from.pos < from.size || to.pos == to.size;) {
        to.pos = 0;
        if (ZSTD_isError(ZSTD_decompressStream(context, &to, &from)) != 0) break;
        out.append(room.data(), to.pos);
    }
    ZSTD_freeDCtx(context);
    return out;
}

std::string decode(ContentCoding coding, std::string_view coded) {
    switch (coding) {
        case ContentCoding::gzip: return gunzip(coded);
        case ContentCoding::br: return unbrotli(coded);
        case ContentCoding::zstd: return unzstd(coded);
        case ContentCoding::identity: break;
    }
    return std::string(coded);
}

std::string prose(std::size_t lines) {
    std::string out;
    for (std::size_t i = 0; i < lines; ++i) {
        out += "line " + std::to_string(i * 7919 % 1000) + " of a text that repeats itself\n";
    }
    return out;
}

TEST(Encoder, Every_coding_comes_back_whole_and_is_smaller) {
    for (const auto coding : k_made_codings) {
        for (const auto effort : {Effort::quick, Effort::kept, Effort::best}) {
            for (const auto& text : {prose(3), prose(20'000)}) {
                const auto coded = encode(coding, effort, text);
                ASSERT_TRUE(coded);
                EXPECT_LT(coded->size(), text.size()) << coding_name(coding);
                EXPECT_EQ(decode(coding, *coded), text) << coding_name(coding);
            }
        }
    }
}

TEST(Encoder, Nothing_is_coded_as_nothing) {
    for (const auto coding : k_made_codings) {
        const auto coded = encode(coding, Effort::best, "");
        ASSERT_TRUE(coded);
        EXPECT_EQ(decode(coding, *coded), "");
    }
}

// A stream whose server speaks now and then: what was said can be read before the rest comes.
TEST(Encoder, A_flush_lets_all_that_went_in_be_read) {
    for (const auto coding : k_made_codings) {
        const auto encoder = Encoder::make(coding, Effort::quick);
        ASSERT_TRUE(encoder);
        std::string coded;
        ASSERT_TRUE(encoder->encode("first ", Next::more, coded));
        ASSERT_TRUE(encoder->encode("second ", Next::flush, coded));
        EXPECT_EQ(decode(coding, coded), "first second ") << coding_name(coding);
        ASSERT_TRUE(encoder->encode("third", Next::end, coded));
        EXPECT_EQ(decode(coding, coded), "first second third") << coding_name(coding);
    }
}

// What lies in pieces is coded in pieces.
TEST(Encoder, However_a_text_is_cut_it_comes_back_whole) {
    const auto text = prose(20'000);
    for (const auto coding : k_made_codings) {
        for (const std::size_t step : {std::size_t{1}, std::size_t{997}, std::size_t{262'144}}) {
            const auto encoder = Encoder::make(coding, Effort::kept);
            ASSERT_TRUE(encoder);
            std::string coded;
            for (std::size_t at = 0; at < text.size(); at += step) {
                const auto piece = std::string_view(text).substr(at, step);
                ASSERT_TRUE(encoder->encode(piece, Next::more, coded));
            }
            ASSERT_TRUE(encoder->encode("", Next::end, coded));
            EXPECT_LT(coded.size(), text.size() / 4);
            EXPECT_EQ(decode(coding, coded), text) << coding_name(coding) << ' ' << step;
        }
    }
}

TEST(Encoder, Identity_needs_none) {
    EXPECT_EQ(Encoder::make(ContentCoding::identity, Effort::best), nullptr);
}

}  // namespace
}  // namespace moln::coding
