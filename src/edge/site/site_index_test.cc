#include "edge/site/site_index.h"

#include <functional>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "edge/site/site_testing.h"

namespace moln::edge {
namespace {

using testing::manifest_of;

Result<SiteIndex> compile(const SiteManifest& manifest) {
    return read_site(to_json_text(manifest), static_cast<std::uint64_t>(manifest.content_bytes));
}

TEST(SiteIndex, Finds_what_is_there_and_nothing_else) {
    const auto manifest = manifest_of({"a.html", "b/index.html", "c.3f9a1c2b.js"});
    const auto index = compile(manifest);
    ASSERT_TRUE(index) << index.error().reason;
    EXPECT_EQ(index->size(), 3u);
    for (const auto& file : manifest.files) {
        const auto* entry = index->find(file.path);
        ASSERT_NE(entry, nullptr);
        EXPECT_EQ(entry->path, file.path);
        EXPECT_EQ(entry->forms.size(), file.forms.size());
        EXPECT_EQ(entry->immutable, file.path == "c.3f9a1c2b.js");
    }
    for (const auto* path : {"", "a", "b", "b/", "b/index.htm", "z"}) {
        EXPECT_EQ(index->find(path), nullptr) << path;
    }
    EXPECT_EQ(index->made_text(), "Tue, 14 Nov 2023 22:13:20 GMT");
}

TEST(SiteIndex, What_no_driver_makes_is_refused_by_name) {
    struct Case {
        const char* says;
        std::function<void(SiteManifest&)> spoil;
    };
    const std::vector<Case> cases = {
        {"no path", [](auto& m) { m.files[0].path = "../b"; }},
        {"no path", [](auto& m) { m.files[1].path = "b//c"; }},
        {"twice or out of order", [](auto& m) { m.files[1].path = "a.html"; }},
        {"twice or out of order", [](auto& m) { m.files[1].path = "A"; }},
        {"type", [](auto& m) { m.files[1].type = "text/html\r\nX: y"; }},
        {"type", [](auto& m) { m.files[1].type = ""; }},
        {"type", [](auto& m) { m.files[1].type = std::string(129, 'a'); }},
        {"hash", [](auto& m) { m.files[1].hash = "\""; }},
        {"hash", [](auto& m) { m.files[1].hash += "0"; }},
        {"forms", [](auto& m) { m.files[1].forms.clear(); }},
        {"forms", [](auto& m) { m.files[1].forms.resize(k_site_forms_max + 1); }},
        {"beyond the content", [](auto& m) { m.files[1].forms[0].bytes = 1'000'000; }},
        {"beyond the content", [](auto& m) { m.files[1].forms[0].at = m.content_bytes + 1; }},
        {"negative", [](auto& m) { m.files[1].forms[0].at = -1; }},
        {"negative", [](auto& m) { m.files[1].forms[0].bytes = -1; }},
        {"no coding", [](auto& m) { m.files[1].forms[1].coding = "deflate"; }},
        {"twice", [](auto& m) { m.files[1].forms[1].coding = "br"; }},
        {"identity", [](auto& m) { m.files[1].forms[0].coding = "br"; }},
        {"identity", [](auto& m) { m.files[1].forms[1].coding = "identity"; }},
    };
    for (const auto& one : cases) {
        auto manifest = manifest_of({"a.html", "b.html"});
        ASSERT_TRUE(compile(manifest));
        one.spoil(manifest);
        const auto index = compile(manifest);
        ASSERT_FALSE(index) << one.says;
        EXPECT_NE(index.error().reason.find(one.says), std::string::npos) << index.error().reason;
    }
}

TEST(SiteIndex, Content_of_another_size_is_not_its_content) {
    const auto manifest = manifest_of({"a.html"});
    const auto size = static_cast<std::uint64_t>(manifest.content_bytes);
    EXPECT_FALSE(SiteIndex::compile(manifest, size - 1));
    EXPECT_FALSE(SiteIndex::compile(manifest, size + 1));
}

TEST(SiteIndex, Takes_the_most_files_and_not_one_more) {
    SiteManifest manifest;
    for (std::size_t i = 0; i < k_site_files_max; ++i) {
        manifest.files.push_back({.path = fmt::format("{:06}", i),
                                  .type = "a/b",
                                  .hash = std::string(k_site_hash_digits, '0'),
                                  .forms = {moln::SiteForm{}}});
    }
    EXPECT_TRUE(SiteIndex::compile(manifest, 0));
    manifest.files.push_back(manifest.files.back());
    manifest.files.back().path += "x";
    EXPECT_FALSE(SiteIndex::compile(manifest, 0));
}

TEST(SiteIndex, Text_that_is_no_manifest_is_refused) {
    for (const auto* text : {"", "{", "[]", "{\"files\":1}", "{\"unknown\":1}"}) {
        EXPECT_FALSE(read_site(text, 0)) << text;
    }
}

}  // namespace
}  // namespace moln::edge
