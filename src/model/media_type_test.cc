#include "model/media_type.h"

#include <gtest/gtest.h>

namespace moln {
namespace {

TEST(MediaType, Extension_tells_in_any_case_and_only_the_last_one) {
    EXPECT_EQ(media_type_of("index.html"), "text/html; charset=utf-8");
    EXPECT_EQ(media_type_of("a.b/Photo.JPG"), "image/jpeg");
    EXPECT_EQ(media_type_of("app.3f9a1c2b.js"), "text/javascript; charset=utf-8");
    EXPECT_EQ(media_type_of("data.tar.gz"), "application/gzip");
    EXPECT_EQ(media_type_of("site.webmanifest"), "application/manifest+json");
}

TEST(MediaType, Name_that_tells_nothing_has_none) {
    for (const auto* path : {"", "LICENSE", "a.b/LICENSE", "x.", "x.unheardof", "html",
                             "x.averyverylongextension", "x./"}) {
        EXPECT_EQ(media_type_of(path), "") << path;
    }
}

TEST(MediaType, Text_and_its_like_are_compressible_and_packed_things_are_not) {
    for (const auto* type : {"text/html; charset=utf-8", "TEXT/css", "image/svg+xml", "font/ttf",
                             "application/ld+json", "application/json ; x=y", "application/wasm"}) {
        EXPECT_TRUE(is_compressible(type)) << type;
    }
    for (const auto* type : {"", "image/png", "font/woff2", "application/zip", "video/mp4",
                             "application/octet-stream", "text"}) {
        EXPECT_FALSE(is_compressible(type)) << type;
    }
}

TEST(MediaType, Page_is_what_a_browser_shows_in_its_window) {
    EXPECT_TRUE(is_page("text/html; charset=utf-8"));
    EXPECT_TRUE(is_page("application/xhtml+xml"));
    EXPECT_FALSE(is_page("text/javascript"));
    EXPECT_FALSE(is_page(""));
}

}  // namespace
}  // namespace moln
