#include "edge/site/hashed_name.h"

#include <gtest/gtest.h>

namespace moln::edge {
namespace {

TEST(HashedName, Names_that_bundlers_make_bear_one) {
    for (const auto* path :
         {"app.3f9a1c2b.js", "assets/index-BkX2s9.css", "assets/index-C4rhsf1K.js",
          "static/css/main.073c9b0a.css", "static/js/main.f3a1b2c4.js.map",
          "_next/static/chunks/main-0a1b2c3d4e5f6071.js",
          "logo.6ce24c58023cc2f8fd88fe9d219db6c6.svg", "fonts/inter-9c3f2b1a0d.woff2",
          "vendor-a1b2c3d4-min.js"}) {
        EXPECT_TRUE(bears_hash(path)) << path;
    }
}

TEST(HashedName, Names_that_people_give_bear_none) {
    for (const auto* path :
         {"index.html", "app.js", "jquery-3.6.0.min.js", "photo-20231102.jpg", "about-company.css",
          "bootstrap.bundle.min.js", "photo-iPhone12.png", "report-Q3Final2024.pdf", "deadbeef.js",
          "main.deadbeef.js", "page.3f9a1c2b.html", "3f9a1c2b.js", "v1.2.3/app.js", "data.3f9a1c2b",
          "x-facade.png", "model-a2.glb", "font-opensans400.woff2", "a.3f9a1c2b/app.js", ""}) {
        EXPECT_FALSE(bears_hash(path)) << path;
    }
}

TEST(HashedName, Length_counts_at_its_bounds) {
    EXPECT_FALSE(bears_hash("a.3f9a1c2.js"));  // seven digits
    EXPECT_TRUE(bears_hash("a.3f9a1c2b.js"));
    EXPECT_FALSE(bears_hash("a-BkX2s.js"));
    EXPECT_TRUE(bears_hash("a-BkX2s9.js"));
    const std::string longest = "3f9a1c2b3f9a1c2b3f9a1c2b3f9a1c2b3f9a1c2b3f9a1c2b3f9a1c2b3f9a1c2b";
    EXPECT_TRUE(bears_hash("a." + longest + ".js"));
    EXPECT_FALSE(bears_hash("a." + longest + "0.js"));
}

}  // namespace
}  // namespace moln::edge
