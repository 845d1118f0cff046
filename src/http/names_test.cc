// Fields, methods, statuses and violations: the tables and their words.
#include <cctype>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "http/field.h"
#include "http/head_testing.h"
#include "http/method.h"
#include "http/status.h"
#include "http/violation.h"

namespace moln::http {
namespace {

TEST(FieldId, every_known_name_is_found_in_any_case_and_its_neighbours_are_not) {
    for (std::size_t i = 1; i < k_field_ids; ++i) {
        const auto id = static_cast<FieldId>(i);
        std::string name(field_name(id));
        ASSERT_FALSE(name.empty());
        EXPECT_EQ(field_id(name), id) << name;
        for (char& c : name) c = static_cast<char>(std::toupper(c));
        EXPECT_EQ(field_id(name), id) << name;
        EXPECT_EQ(field_id(name + "x"), FieldId::other);
        EXPECT_EQ(field_id(name.substr(0, name.size() - 1)), FieldId::other);
        for (std::size_t at = 0; at < name.size(); ++at) {
            std::string changed = name;
            changed[at] = changed[at] == '!' ? '*' : '!';
            EXPECT_EQ(field_id(changed), FieldId::other) << changed;
        }
    }
    EXPECT_EQ(field_id(""), FieldId::other);
    EXPECT_EQ(field_id("x-forwarded+for"), FieldId::other);
}

TEST(FieldId, what_only_the_edge_may_say_is_known_with_underscores_too) {
    for (const auto* name : {"client_cert", "Client_Cert", "CLIENT-cert"}) {
        EXPECT_EQ(field_id(name), FieldId::client_cert) << name;
    }
    for (const auto* name : {"client_cert_chain", "Client-Cert_Chain", "client_cert-chain"}) {
        EXPECT_EQ(field_id(name), FieldId::client_cert_chain) << name;
    }
    EXPECT_EQ(field_id("X_Forwarded_User"), FieldId::x_forwarded_user);
    for (const auto id :
         {FieldId::x_forwarded_for, FieldId::x_forwarded_proto, FieldId::x_forwarded_host,
          FieldId::x_forwarded_port, FieldId::x_real_ip, FieldId::x_moln_mirror}) {
        std::string name(field_name(id));
        for (std::size_t at = name.find('-'); at != std::string::npos; at = name.find('-')) {
            name[at] = '_';
            EXPECT_EQ(field_id(name), id) << name;
        }
        name[0] = 'X';
        EXPECT_EQ(field_id(name), id) << name;
        EXPECT_EQ(field_id(name + "s"), FieldId::other);
    }
    EXPECT_EQ(field_id("client+cert"), FieldId::other);
    EXPECT_EQ(field_id("content_type"), FieldId::other);
}

TEST(FieldId, names_are_all_different) {
    std::set<std::string_view> names;
    for (std::size_t i = 0; i < k_field_ids; ++i) names.insert(field_name(static_cast<FieldId>(i)));
    EXPECT_EQ(names.size(), k_field_ids);
}

TEST(Token, is_what_rfc_9110_says) {
    EXPECT_TRUE(is_token("!#$%&'*+-.^_`|~09azAZ"));
    for (const char c : std::string_view("\"(),/:;<=>?@[\\]{} \t\x7f\x80")) {
        EXPECT_FALSE(is_token(std::string("a") + c)) << c;
    }
    EXPECT_FALSE(is_token(""));
    EXPECT_FALSE(is_token(std::string_view("\0", 1)));
}

TEST(List, elements_are_trimmed_and_empty_ones_skipped) {
    std::string seen;
    for_each_element(" a ,,\tb c,",
                     [&](std::string_view element) { seen.append(element).append("|"); });
    EXPECT_EQ(seen, "a|b c|");
}

TEST(Method, names_are_case_sensitive) {
    EXPECT_EQ(method_from("GET"), Method::get);
    EXPECT_EQ(method_from("HEAD"), Method::head);
    EXPECT_EQ(method_from("POST"), Method::post);
    EXPECT_EQ(method_from("PUT"), Method::put);
    EXPECT_EQ(method_from("DELETE"), Method::delete_);
    EXPECT_EQ(method_from("OPTIONS"), Method::options);
    EXPECT_EQ(method_from("PATCH"), Method::patch);
    EXPECT_EQ(method_from("CONNECT"), Method::connect);
    EXPECT_EQ(method_from("TRACE"), Method::trace);
    for (const std::string_view name : {"get", "GETS", "PROPFIND", "", "PUTT", "DELETED"}) {
        EXPECT_EQ(method_from(name), Method::other) << name;
    }
}

TEST(Method, idempotent_ones_are_those_of_rfc_9110) {
    for (const Method method : {Method::get, Method::head, Method::put, Method::delete_,
                                Method::options, Method::trace}) {
        EXPECT_TRUE(is_idempotent(method));
    }
    for (const Method method : {Method::post, Method::patch, Method::connect, Method::other}) {
        EXPECT_FALSE(is_idempotent(method));
    }
}

TEST(StatusCode, has_its_phrase_or_none) {
    EXPECT_EQ(reason_phrase(100), "Continue");
    EXPECT_EQ(reason_phrase(404), "Not Found");
    EXPECT_EQ(reason_phrase(511), "Network Authentication Required");
    EXPECT_EQ(reason_phrase(299), "");
    EXPECT_EQ(reason_phrase(0), "");
    EXPECT_EQ(reason_phrase(999), "");
}

TEST(Violation, each_has_a_word_of_its_own_a_sentence_and_an_error_status) {
    std::set<std::string_view> words;
    for (std::size_t i = 1; i < k_violations; ++i) {
        const auto violation = static_cast<Violation>(i);
        words.insert(word(violation));
        EXPECT_TRUE(explain(violation).ends_with('.')) << word(violation);
        EXPECT_GE(status_of(violation), 400);
        EXPECT_FALSE(reason_phrase(status_of(violation)).empty());
    }
    EXPECT_EQ(words.size(), k_violations - 1);
    EXPECT_EQ(word(Violation::trailers_too_large), "trailers_too_large");
}

}  // namespace
}  // namespace moln::http
