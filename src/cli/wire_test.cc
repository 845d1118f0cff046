#include "cli/wire.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace moln::cli {
namespace {

std::string read_all(AnswerReader& reader, const std::string& text, std::size_t piece) {
    std::string body;
    for (std::size_t at = 0; at < text.size(); at += piece) {
        EXPECT_TRUE(reader.feed(std::string_view(text).substr(at, piece), body));
    }
    return body;
}

TEST(AnswerReader, reads_a_sized_body_in_any_pieces) {
    const std::string text =
        "HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: "
        "5\r\n\r\nhello";
    for (const std::size_t piece : {1u, 3u, 1000u}) {
        AnswerReader reader;
        EXPECT_EQ(read_all(reader, text, piece), "hello");
        EXPECT_TRUE(reader.is_done());
        EXPECT_EQ(reader.status(), 404);
        EXPECT_EQ(reader.content_type(), "application/json");
    }
}

TEST(AnswerReader, reads_chunks_with_extensions_and_trailers) {
    AnswerReader reader;
    const std::string text =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3;x=1\r\nabc\r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n";
    EXPECT_EQ(read_all(reader, text, 2), "abc0123456789");
    EXPECT_TRUE(reader.is_done());
}

TEST(AnswerReader, passes_over_a_100_continue) {
    AnswerReader reader;
    EXPECT_EQ(read_all(reader,
                       "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1"
                       "\r\n\r\nx",
                       7),
              "x");
    EXPECT_EQ(reader.status(), 200);
}

TEST(AnswerReader, an_end_in_the_middle_is_an_error) {
    AnswerReader sized;
    read_all(sized, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel", 100);
    EXPECT_FALSE(sized.end_of_input());
    AnswerReader open;
    read_all(open, "HTTP/1.1 200 OK\r\n\r\nhel", 100);
    EXPECT_TRUE(open.end_of_input());
}

TEST(AnswerReader, what_is_no_answer_is_refused) {
    for (const auto* text :
         {"SSH-2.0-OpenSSH\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"}) {
        AnswerReader reader;
        std::string body;
        EXPECT_FALSE(reader.feed(text, body)) << text;
    }
    AnswerReader reader;
    std::string body;
    EXPECT_FALSE(reader.feed(std::string(k_answer_head_bytes_max + 1, 'x'), body));
}

// The server's side of a frame: unmasked.
std::string server_frame(std::uint8_t first, const std::string& payload) {
    std::string out;
    out += static_cast<char>(first);
    if (payload.size() < 126) {
        out += static_cast<char>(payload.size());
    } else {
        out += static_cast<char>(126);
        out += static_cast<char>(payload.size() >> 8);
        out += static_cast<char>(payload.size() & 0xff);
    }
    return out + payload;
}

TEST(Frames, are_joined_from_fragments_with_a_ping_between) {
    FrameReader reader;
    const auto text = server_frame(0x02, "one ") + server_frame(0x89, "p") +
                      server_frame(0x80, std::string(300, 'x'));
    std::vector<Frame> all;
    for (const char c : text) {
        const auto got = reader.feed({&c, 1});
        ASSERT_TRUE(got);
        all.insert(all.end(), got->begin(), got->end());
    }
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(all[0].kind, FrameKind::ping);
    EXPECT_EQ(all[1].payload, "one " + std::string(300, 'x'));
}

TEST(Frames, that_a_server_must_not_send_are_refused) {
    EXPECT_FALSE(FrameReader().feed(frame_bytes(FrameKind::text, "masked", 1)));
    EXPECT_FALSE(FrameReader().feed(server_frame(0xC2, "reserved bit")));
    EXPECT_FALSE(FrameReader().feed(server_frame(0x83, "unknown opcode")));
    EXPECT_FALSE(FrameReader().feed(server_frame(0x80, "continues nothing")));
    EXPECT_FALSE(FrameReader().feed(server_frame(0x09, "fragmented ping")));
}

TEST(Frames, a_client_masks_what_it_sends) {
    rc::check("unmasking gives the payload back",
              [](const std::string& payload, std::uint32_t mask) {
                  const auto bytes = frame_bytes(FrameKind::bytes, payload, mask);
                  const auto head = bytes.size() - payload.size();
                  std::string plain;
                  for (std::size_t i = 0; i < payload.size(); ++i) {
                      plain += static_cast<char>(bytes[head + i] ^ bytes[head - 4 + i % 4]);
                  }
                  RC_ASSERT(plain == payload);
              });
}

TEST(Encoding, is_as_in_the_rfcs) {
    EXPECT_EQ(percent_encode("a b/ü-._~"), "a%20b%2F%C3%BC-._~");
    EXPECT_EQ(chunk_bytes("0123456789abcdef"), "10\r\n0123456789abcdef\r\n");
}

}  // namespace
}  // namespace moln::cli
