#include "model/site.h"

#include <gtest/gtest.h>

namespace moln {
namespace {

const std::string k_name = "site-0123456789abcdef0123456789abcdef";

TEST(Site, Name_is_its_prefix_and_32_digits) {
    EXPECT_TRUE(is_site_name(k_name));
    for (const auto& name : {k_name + "0", k_name.substr(0, 36), std::string(),
                             std::string("site-"), "app-" + k_name.substr(5),
                             "site-" + std::string(32, 'A'), "site-../" + k_name.substr(8)}) {
        EXPECT_FALSE(is_site_name(name)) << name;
    }
}

TEST(Site, Image_has_it_among_its_layers_or_none) {
    EXPECT_EQ(site_among({"app-1", k_name}), k_name);
    EXPECT_EQ(site_among({"app-1"}), "");
    EXPECT_EQ(site_among({}), "");
}

TEST(Site, Path_has_parts_and_no_way_up) {
    for (const auto* path : {"index.html", "a/b/c.js", ".well-known/x", "a..b/...", "ä/ö.html"}) {
        EXPECT_TRUE(is_site_path(path)) << path;
    }
    for (const auto* path : {"", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "./a", "a\nb"}) {
        EXPECT_FALSE(is_site_path(path)) << path;
    }
    EXPECT_TRUE(is_site_path(std::string(k_site_path_bytes_max, 'a')));
    EXPECT_FALSE(is_site_path(std::string(k_site_path_bytes_max + 1, 'a')));
}

}  // namespace
}  // namespace moln
