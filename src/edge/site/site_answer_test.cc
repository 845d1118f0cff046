#include "edge/site/site_answer.h"

#include <map>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "edge/site/site_testing.h"
#include "http/head_testing.h"

namespace moln::edge {
namespace {

constexpr WallTime k_now{testing::k_made.ms + 3'600'000};
constexpr const char* k_made_text = "Tue, 14 Nov 2023 22:13:20 GMT";

class SiteAnswers : public ::testing::Test {
protected:
    struct Told {
        int status = 0;
        std::string coding;
        std::uint64_t begin = 0, end = 0;
        std::map<std::string, std::string> fields;
    };

    Told ask(const std::string& path, const std::string& fields = "",
             const std::string& method = "GET") {
        const auto text = method + " / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n";
        const auto request = http::testing::parse_request(text);
        EXPECT_EQ(request.result.progress, http::Progress::done) << text;
        const auto answer =
            answer_with(find_file(index_, spec_, path), index_, request.head, k_now);
        Told told{.status = answer.status};
        if (answer.form == nullptr) return told;
        told.coding = coding_name(answer.form->coding);
        told.begin = answer.begin;
        told.end = answer.end;
        const SiteFields said(answer, index_);
        for (const auto& field : said.view()) {
            told.fields.emplace(field.name, field.value);
        }
        return told;
    }

    SiteIndex index_ =
        testing::index_of({"404.html", "app.3f9a1c2b.js", "index.html", "photo.jpg"});
    SiteSpec spec_{.not_found = "404.html"};
};

using Fields = std::map<std::string, std::string>;

TEST_F(SiteAnswers, A_page_comes_whole_and_says_what_it_is) {
    const auto told = ask("");
    EXPECT_EQ(told.status, 200);
    EXPECT_EQ(told.coding, "identity");
    EXPECT_EQ(told.end, 1000u);
    EXPECT_EQ(told.fields, (Fields{{"Content-Type", "text/html; charset=utf-8"},
                                   {"ETag", "\"" + testing::hash_for("index.html") + "\""},
                                   {"Last-Modified", k_made_text},
                                   {"Accept-Ranges", "bytes"},
                                   {"Cache-Control", "no-cache"},
                                   {"Vary", "Accept-Encoding"}}));
}

TEST_F(SiteAnswers, The_smallest_form_of_what_the_client_likes_best) {
    EXPECT_EQ(ask("", "Accept-Encoding: gzip, deflate, br, zstd\r\n").coding, "br");
    EXPECT_EQ(ask("", "Accept-Encoding: gzip, zstd\r\n").coding, "zstd");
    EXPECT_EQ(ask("", "Accept-Encoding: gzip\r\n").coding, "gzip");
    EXPECT_EQ(ask("", "Accept-Encoding: gzip, br;q=0.9\r\n").coding, "gzip");
    EXPECT_EQ(ask("", "Accept-Encoding: identity, br;q=0.5\r\n").coding, "identity");
    EXPECT_EQ(ask("", "Accept-Encoding: identity;q=0, *;q=0\r\n").coding, "identity");
    EXPECT_EQ(ask("photo.jpg", "Accept-Encoding: br\r\n").coding, "identity");
    const auto told = ask("", "Accept-Encoding: br\r\n");
    EXPECT_EQ(told.end, 300u);
    EXPECT_EQ(told.fields.at("Content-Encoding"), "br");
    EXPECT_EQ(told.fields.at("ETag"), "\"" + testing::hash_for("index.html") + "-br\"");
}

TEST_F(SiteAnswers, Only_what_has_several_forms_varies) {
    EXPECT_FALSE(ask("photo.jpg").fields.contains("Vary"));
    EXPECT_TRUE(ask("app.3f9a1c2b.js").fields.contains("Vary"));
}

TEST_F(SiteAnswers, A_name_with_a_hash_is_kept_for_ever) {
    EXPECT_EQ(ask("app.3f9a1c2b.js").fields.at("Cache-Control"),
              "public, max-age=31536000, immutable");
}

TEST_F(SiteAnswers, Who_has_it_is_told_so) {
    const auto tag = ask("", "Accept-Encoding: br\r\n").fields.at("ETag");
    const auto told = ask("", "Accept-Encoding: br\r\nIf-None-Match: \"x\", W/" + tag + "\r\n");
    EXPECT_EQ(told.status, 304);
    EXPECT_EQ(told.end, 0u);
    EXPECT_EQ(told.fields.at("ETag"), tag);
    EXPECT_EQ(told.fields.at("Vary"), "Accept-Encoding");
    EXPECT_FALSE(told.fields.contains("Content-Type"));
    // The same bytes in another coding are another representation.
    EXPECT_EQ(ask("", "If-None-Match: " + tag + "\r\n").status, 200);
    EXPECT_EQ(ask("", "If-None-Match: *\r\n").status, 304);
}

// A release before may come back: its files are older than what the client has.
TEST_F(SiteAnswers, Only_the_very_same_date_is_not_modified) {
    const auto since = [&](const std::string& date) {
        return ask("", "If-Modified-Since: " + date + "\r\n").status;
    };
    EXPECT_EQ(since(k_made_text), 304);
    EXPECT_EQ(since("Tue, 14 Nov 2023 22:13:21 GMT"), 200);
    EXPECT_EQ(since("Tue, 14 Nov 2023 22:13:19 GMT"), 200);
    EXPECT_EQ(since("nonsense"), 200);
    EXPECT_EQ(
        ask("", std::string("If-None-Match: \"x\"\r\nIf-Modified-Since: ") + k_made_text + "\r\n")
            .status,
        200);
}

TEST_F(SiteAnswers, A_precondition_that_fails_is_said) {
    const auto tag = ask("").fields.at("ETag");
    EXPECT_EQ(ask("", "If-Match: " + tag + "\r\n").status, 200);
    EXPECT_EQ(ask("", "If-Match: *\r\n").status, 200);
    EXPECT_EQ(ask("", "If-Match: W/" + tag + "\r\n").status, 412);
    EXPECT_EQ(ask("", "If-Match: \"x\"\r\n").status, 412);
    EXPECT_EQ(ask("", "If-Unmodified-Since: Tue, 14 Nov 2023 22:13:20 GMT\r\n").status, 200);
    EXPECT_EQ(ask("", "If-Unmodified-Since: Tue, 14 Nov 2023 22:13:19 GMT\r\n").status, 412);
}

TEST_F(SiteAnswers, A_part_is_of_the_form_that_is_sent) {
    const auto told = ask("", "Accept-Encoding: br\r\nRange: bytes=100-\r\n");
    EXPECT_EQ(told.status, 206);
    EXPECT_EQ(told.begin, 100u);
    EXPECT_EQ(told.end, 300u);
    EXPECT_EQ(told.fields.at("Content-Range"), "bytes 100-299/300");
    EXPECT_EQ(told.fields.at("Content-Encoding"), "br");
}

TEST_F(SiteAnswers, A_part_that_is_not_there_is_refused_with_the_length) {
    const auto told = ask("photo.jpg", "Range: bytes=1000-\r\n");
    EXPECT_EQ(told.status, 416);
    EXPECT_EQ(told.end, told.begin);
    EXPECT_EQ(told.fields.at("Content-Range"), "bytes */1000");
    EXPECT_EQ(ask("photo.jpg", "Range: bytes=999-\r\n").status, 206);
}

TEST_F(SiteAnswers, A_part_of_another_version_is_not_sent) {
    const auto tag = ask("photo.jpg").fields.at("ETag");
    EXPECT_EQ(ask("photo.jpg", "Range: bytes=0-9\r\nIf-Range: " + tag + "\r\n").status, 206);
    EXPECT_EQ(ask("photo.jpg", "Range: bytes=0-9\r\nIf-Range: \"x\"\r\n").status, 200);
}

// Of which coding the client has the begin, a date does not say.
TEST_F(SiteAnswers, By_a_date_only_what_has_one_form_is_resumed) {
    const auto resumed = [&](const std::string& path, const std::string& coding) {
        return ask(path, "Accept-Encoding: " + coding +
                             "\r\nRange: bytes=100-\r\nIf-Range: " + k_made_text + "\r\n")
            .status;
    };
    EXPECT_EQ(resumed("photo.jpg", "br"), 206);
    EXPECT_EQ(resumed("", "br"), 200);
    EXPECT_EQ(resumed("", "identity"), 200);
}

// A release before has come back: it is older than the part that the client has.
TEST_F(SiteAnswers, A_part_is_sent_only_of_the_very_date_that_it_is_of) {
    const auto part = [&](const std::string& date) {
        return ask("photo.jpg", "Range: bytes=100-\r\nIf-Unmodified-Since: " + date + "\r\n")
            .status;
    };
    EXPECT_EQ(part(k_made_text), 206);
    EXPECT_EQ(part("Tue, 14 Nov 2023 22:13:19 GMT"), 412);
    EXPECT_EQ(part("Tue, 14 Nov 2023 22:13:21 GMT"), 412);
    EXPECT_EQ(ask("photo.jpg", "If-Unmodified-Since: Tue, 14 Nov 2023 22:13:21 GMT\r\n").status,
              200);
}

TEST_F(SiteAnswers, HEAD_is_told_of_the_whole) {
    const auto told = ask("", "Range: bytes=0-9\r\n", "HEAD");
    EXPECT_EQ(told.status, 200);
    EXPECT_EQ(told.end, 1000u);
}

TEST_F(SiteAnswers, The_page_of_a_404_is_nothing_to_keep_or_to_cut) {
    const auto told =
        ask("nothing", "Accept-Encoding: br\r\nRange: bytes=0-9\r\nIf-None-Match: *\r\n");
    EXPECT_EQ(told.status, 404);
    EXPECT_EQ(told.end, 300u);
    EXPECT_EQ(told.fields, (Fields{{"Content-Type", "text/html; charset=utf-8"},
                                   {"Content-Encoding", "br"},
                                   {"Cache-Control", "no-cache"},
                                   {"Vary", "Accept-Encoding"}}));
}

RC_GTEST_FIXTURE_PROP(SiteAnswers, What_is_sent_lies_within_a_form_that_the_client_takes, ()) {
    const auto path = *rc::gen::element<std::string>("", "photo.jpg", "app.3f9a1c2b.js", "nothing");
    const auto coding =
        *rc::gen::element<std::string>("br", "gzip;q=0.5", "*", "zstd, identity;q=0");
    const auto first = *rc::gen::inRange(0, 1200);
    const auto last = *rc::gen::inRange(0, 1200);
    const auto told =
        ask(path, "Accept-Encoding: " + coding + "\r\nRange: bytes=" + std::to_string(first) + "-" +
                      std::to_string(last) + "\r\n");
    const std::map<std::string, std::uint64_t> sizes = {
        {"identity", 1000}, {"zstd", 400}, {"br", 300}, {"gzip", 500}};
    const auto size = sizes.at(told.coding);
    RC_ASSERT(told.begin <= told.end && told.end <= size);
    switch (told.status) {
        case 206: RC_ASSERT(told.end > told.begin); break;
        case 416: RC_ASSERT(told.end == told.begin); break;
        default: RC_ASSERT(told.begin == 0u && told.end == size);
    }
    RC_ASSERT(told.fields.contains("Content-Encoding") ==
              (told.coding != "identity" && told.status != 416));
}

}  // namespace
}  // namespace moln::edge
