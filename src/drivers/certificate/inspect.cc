#include "drivers/certificate/inspect.h"

#include <algorithm>
#include <ctime>

#include <fmt/format.h>
#include <openssl/err.h>

#include "drivers/certificate/x509.h"
#include "model/limits.h"
#include "model/validate.h"

namespace moln {
namespace {

using Chain = std::vector<openssl::X509Certificate>;

std::unexpected<Error> invalid(std::string reason) {
    ERR_clear_error();
    return fail(ErrorCode::invalid, std::move(reason));
}

// "2026-11-22 18:00 UTC"
std::string date_words(WallTime time) {
    const std::time_t seconds = time.ms / 1000;
    std::tm parts{};
    ::gmtime_r(&seconds, &parts);
    return fmt::format("{:04}-{:02}-{:02} {:02}:{:02} UTC", parts.tm_year + 1900, parts.tm_mon + 1,
                       parts.tm_mday, parts.tm_hour, parts.tm_min);
}

Status check_key(const Chain& chain, EVP_PKEY& key) {
    if (X509_check_private_key(chain.front().get(), &key) == 1) {
        if (!openssl::key_words(key).empty()) return {};
        return invalid(
            "the key is of a kind or size that is not taken: expected EC P-256 or P-384, Ed25519, "
            "or RSA of 2048 to 8192 bits; make a new key and ask for a new certificate");
    }
    for (std::size_t i = 1; i < chain.size(); ++i) {
        if (X509_check_private_key(chain[i].get(), &key) != 1) continue;
        return invalid(fmt::format(
            "the leaf is certificate {} of the file: put it first, then each one's issuer", i + 1));
    }
    return invalid(
        "the private key does not belong to the first certificate: give the key that the "
        "certificate was asked for with, and the leaf first");
}

Status check_order(const Chain& chain) {
    for (std::size_t i = 0; i + 1 < chain.size(); ++i) {
        auto& subject = *chain[i];
        auto& issuer = *chain[i + 1];
        auto* issuer_key = X509_get0_pubkey(&issuer);
        if (X509_check_issued(&issuer, &subject) == X509_V_OK && issuer_key != nullptr &&
            X509_verify(&subject, issuer_key) == 1) {
            continue;
        }
        return invalid(
            fmt::format("certificate {} did not sign certificate {}: expected the leaf first, then "
                        "each one's issuer",
                        i + 2, i + 1));
    }
    return {};
}

Status check_times(const Chain& chain, WallTime now) {
    for (std::size_t i = 0; i < chain.size(); ++i) {
        const auto from = openssl::time_of(X509_get0_notBefore(chain[i].get()));
        const auto until = openssl::time_of(X509_get0_notAfter(chain[i].get()));
        const auto which = i == 0 ? "the certificate" : "an issuer in the chain";
        if (until <= now) {
            return invalid(fmt::format("{} ended on {}: renew it", which, date_words(until)));
        }
        if (from > now) {
            return invalid(
                fmt::format("{} is valid only from {}: add it then, or set this "
                            "machine's clock, which shows {}",
                            which, date_words(from), date_words(now)));
        }
    }
    return {};
}

Result<std::vector<std::string>> hosts_of(X509& leaf) {
    const openssl::Names names(static_cast<GENERAL_NAMES*>(
        X509_get_ext_d2i(&leaf, NID_subject_alt_name, nullptr, nullptr)));
    std::vector<std::string> hosts;
    for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
        const auto* name = sk_GENERAL_NAME_value(names.get(), i);
        if (name->type != GEN_DNS) continue;
        std::string host(reinterpret_cast<const char*>(ASN1_STRING_get0_data(name->d.dNSName)),
                         static_cast<std::size_t>(ASN1_STRING_length(name->d.dNSName)));
        std::ranges::transform(host, host.begin(), [](char c) {
            return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
        });
        if (host == "*" || !validate_host(host)) {
            return invalid(
                "its subjectAltName holds a DNS name that is no host's: ask for a certificate of "
                "names such as shop.example.org or *.example.org");
        }
        hosts.push_back(std::move(host));
    }
    std::ranges::sort(hosts);
    const auto twice = std::ranges::unique(hosts);
    hosts.erase(twice.begin(), twice.end());
    if (hosts.empty()) {
        return invalid(
            "it names no host: expected DNS names in its subjectAltName; clients no longer look "
            "at the common name");
    }
    if (hosts.size() > k_certificate_hosts_max) {
        return invalid(fmt::format("it names {} hosts: at most {} are taken", hosts.size(),
                                   k_certificate_hosts_max));
    }
    return hosts;
}

bool is_root(X509& certificate) {
    return X509_check_issued(&certificate, &certificate) == X509_V_OK;
}

}  // namespace

Result<InspectedCertificate> inspect_certificate(const Secret& pem, WallTime now) {
    const auto& text = pem.reveal();
    if (text.size() > k_certificate_bytes_max) {
        return invalid(fmt::format("chain and key have {} bytes: at most {} are taken", text.size(),
                                   k_certificate_bytes_max));
    }
    MOLN_ASSIGN(auto chain, openssl::read_certificates(text));
    if (chain.empty()) {
        return invalid(
            "there is no certificate: expected PEM, from \"-----BEGIN CERTIFICATE-----\"; the leaf "
            "first, then its issuers");
    }
    if (chain.size() > k_certificate_chain_max) {
        return invalid(fmt::format("the chain has {} certificates: at most {} are taken",
                                   chain.size(), k_certificate_chain_max));
    }
    MOLN_ASSIGN(const auto key, openssl::read_key(text));
    MOLN_TRY(check_key(chain, *key));
    MOLN_TRY(check_order(chain));
    MOLN_TRY(check_times(chain, now));
    auto& leaf = *chain.front();
    InspectedCertificate found;
    MOLN_ASSIGN(found.certificate.hosts, hosts_of(leaf));
    if (X509_check_purpose(&leaf, X509_PURPOSE_SSL_SERVER, 0) != 1) {
        return invalid(
            "it is not for servers: its extended key usage lacks serverAuth; ask for a server's");
    }
    if (chain.size() > 1 && is_root(*chain.back())) chain.pop_back();
    for (const auto& one : chain) found.certificate.chain += openssl::to_pem(*one);
    found.certificate.not_before = openssl::time_of(X509_get0_notBefore(&leaf));
    found.certificate.not_after = openssl::time_of(X509_get0_notAfter(&leaf));
    found.certificate.issuer = openssl::issuer_words(leaf);
    found.certificate.key_type = openssl::key_words(*key);
    found.certificate.fingerprint = openssl::fingerprint(leaf);
    found.key = openssl::to_pem(*key);
    return found;
}

}  // namespace moln
