#include "edge/site/site_path.h"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "edge/site/site_testing.h"
#include "http/url.h"

namespace moln::edge {
namespace {

std::optional<std::string> decode(std::string_view path) {
    std::string room(path.size(), '\0');
    const auto found = site_path(path, room);
    return found ? std::optional(std::string(*found)) : std::nullopt;
}

TEST(SitePath, Is_decoded_below_the_root) {
    EXPECT_EQ(decode("/"), "");
    EXPECT_EQ(decode("/a/b.html"), "a/b.html");
    EXPECT_EQ(decode("/a%20b/%C3%A4"), "a b/\xc3\xa4");
    EXPECT_EQ(decode("/100%25"), "100%");
}

TEST(SitePath, What_no_file_can_be_called_is_nothing) {
    for (const auto* path :
         {"", "a", "*", "/a%2Fb", "/a%2fb", "/a%00", "/a%0a", "/a%7F", "/a%", "/a%4", "/a%zz"}) {
        EXPECT_FALSE(decode(path)) << path;
    }
}

TEST(SitePath, Needs_room_for_all_of_it) {
    std::array<char, 3> room;
    EXPECT_TRUE(site_path("/ab", room));
    EXPECT_FALSE(site_path("/abc", room));
}

class FindFile : public ::testing::Test {
protected:
    SiteFound find(std::string_view path) const { return find_file(index_, spec_, path); }
    std::string file(std::string_view path) const {
        const auto found = find(path);
        return found.what == SiteFind::file ? found.entry->path : "";
    }

    SiteIndex index_ = testing::index_of({".well-known/security.txt", "404.html", "about.html",
                                          "both", "both.html", "docs/index.html", "docs/intro.html",
                                          "index.html", "lib.js"});
    SiteSpec spec_;
};

TEST_F(FindFile, A_file_a_folders_index_and_a_page_without_its_ending) {
    EXPECT_EQ(file(""), "index.html");
    EXPECT_EQ(file("index.html"), "index.html");
    EXPECT_EQ(file("docs/"), "docs/index.html");
    EXPECT_EQ(file("about"), "about.html");
    EXPECT_EQ(file("docs/intro"), "docs/intro.html");
    EXPECT_EQ(file("both"), "both");
    EXPECT_EQ(file("lib.js"), "lib.js");
    EXPECT_EQ(file(".well-known/security.txt"), ".well-known/security.txt");
}

TEST_F(FindFile, A_folder_without_its_slash_is_sent_on) {
    EXPECT_EQ(find("docs").what, SiteFind::slash);
}

TEST_F(FindFile, What_is_not_there_is_not_found_with_the_sites_own_page_if_it_says_so) {
    for (const auto* path : {"nothing", "about/", "lib", "docs/index.html/", "../index.html", "/",
                             "/index.html", "docs//", "docs/."}) {
        EXPECT_EQ(find(path).what, SiteFind::not_found) << path;
        EXPECT_EQ(find(path).entry, nullptr) << path;
    }
    spec_.not_found = "404.html";
    ASSERT_NE(find("nothing").entry, nullptr);
    EXPECT_EQ(find("nothing").entry->path, "404.html");
    spec_.not_found = "gone.html";
    EXPECT_EQ(find("nothing").entry, nullptr);
}

TEST_F(FindFile, The_fallback_answers_what_could_be_a_page) {
    spec_.fallback = "index.html";
    EXPECT_EQ(file("users/7"), "index.html");
    EXPECT_EQ(file("users/john.doe"), "index.html");
    EXPECT_EQ(file("users/"), "index.html");
    EXPECT_EQ(file("old.html"), "index.html");
    EXPECT_EQ(find("assets/old.3f9a1c2b.js").what, SiteFind::not_found);
    EXPECT_EQ(find("favicon.ico").what, SiteFind::not_found);
    EXPECT_EQ(find("docs").what, SiteFind::slash);
}

TEST_F(FindFile, Another_index_is_looked_for_by_its_name) {
    spec_.index = "intro.html";
    EXPECT_EQ(file("docs/"), "docs/intro.html");
    EXPECT_EQ(find("").what, SiteFind::not_found);
}

// As the edge does it: normalised, decoded, looked up. Whatever was asked for, only what the index
// has is served, and two spellings of a path are one file.
RC_GTEST_FIXTURE_PROP(FindFile, No_spelling_leads_out_of_the_site, ()) {
    const auto parts = *rc::gen::container<std::vector<std::string>>(rc::gen::element<std::string>(
        "docs", "index", ".html", "/", "..", ".", "%2e", "%2E%2e", "%2f", "%5c", "//", "%64ocs",
        "both", "%00", "~", "etc/passwd"));
    std::string path = "/";
    for (const auto& part : parts) path += part;
    if (!http::is_path(path)) return;
    std::string normal_room(path.size(), '\0');
    const auto normal = http::normalise_path(path, normal_room);
    if (!normal) return;
    const auto decoded = decode(*normal);
    if (!decoded) return;
    const auto found = find(*decoded);
    if (found.entry != nullptr) RC_ASSERT(index_.find(found.entry->path) == found.entry);
    RC_ASSERT((found.what == SiteFind::file) == (found.entry != nullptr));
}

}  // namespace
}  // namespace moln::edge
