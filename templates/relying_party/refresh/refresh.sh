#!/bin/sh
# What it is given, it runs where the lists have changed: refresh systemctl reload nginx
# A list is taken where the CA's own certificate verifies it, where it is not out of date, and where
# its number is higher than that of the list before. Otherwise the last good one stays.
# Needs curl and openssl. Ends with 1 where a list could not be had: then look at what it says.
set -eu
umask 022
base='{{ site.place.pki_url }}'
cd '{{ site.place.folder }}'
mkdir -p crls
# In this folder, so that what is moved from it appears as a whole or not at all.
work=$(mktemp -d .refresh.XXXXXX)
trap 'rm -rf "$work"' EXIT
failed=0

say() { echo "{{ unit }}: $*" >&2; }

# FILE: the list's number, in hexadecimal digits that compare as text.
number() {
    openssl crl -in "$1" -noout -crlnumber | sed 's/^crlNumber=//; s/^0[xX]//' \
        | awk '{ printf "%40s", toupper($1) }' | tr ' ' 0
}

# FILE FIELD: seconds since 1970 of -lastupdate or -nextupdate.
seconds() { date -u -d "$(openssl crl -in "$1" -noout "$2" | cut -d= -f2)" +%s; }

# NAME ID: fetches the list of one CA.
fetch() {
    new=$work/$1.pem
    curl --fail --silent --show-error --max-time 30 --max-filesize 104857600 \
        --output "$work/$1.crl" "$base/crl/$2.crl" \
        || { say "$1: $base gives no list; the last good one stays"; return 1; }
    openssl crl -inform DER -in "$work/$1.crl" -out "$new" 2>"$work/error" \
        || { say "$1: what $base gives is no list"; return 1; }
    openssl crl -in "$new" -noout -CAfile "$1.pem" 2>&1 | grep -q 'verify OK' \
        || { say "$1: the list that $base gives is not signed by $1.pem"; return 1; }
    [ "$(seconds "$new" -nextupdate)" -gt "$(date +%s)" ] \
        || { say "$1: the list that $base gives is out of date"; return 1; }
    if [ -e "crls/$1.pem" ]; then
        have=$(number "crls/$1.pem")
        got=$(number "$new")
        [ "$got" != "$have" ] || return 0
        newest=$(printf '%s\n' "$have" "$got" | LC_ALL=C sort | tail -1)
        [ "$newest" = "$got" ] \
            || { say "$1: refused list $got, which is older than $have"; return 1; }
    fi
    sync "$new" && : >crls/pending && mv "$new" "crls/$1.pem"
}

{% if layout == "hashed" -%}
# Whom FreeRADIUS trusts, under the names by which OpenSSL finds certificates.
mkdir -p trust
for name in root{% if trusts_issuing %} issuing{% endif %}; do
    trusted=trust/$(openssl x509 -in "$name.pem" -noout -subject_hash).0
    cmp -s "$name.pem" "$trusted" || { cp "$name.pem" "$work/trusted" && mv "$work/trusted" "$trusted"; }
done

{% endif -%}
fetch root {{ site.root.id }} || failed=1
fetch issuing {{ site.issuing.id }} || failed=1

for name in root issuing; do
    [ -e "crls/$name.pem" ] \
        || { say "there is no list of $name yet: until there is, everybody is refused"; exit 1; }
    begun=$(seconds "crls/$name.pem" -lastupdate)
    end=$(seconds "crls/$name.pem" -nextupdate)
    now=$(date +%s)
    [ $(((end - now) * 4)) -gt $((end - begun)) ] \
        || { say "$name: the list ends at $(date -u -d "@$end" +%FT%TZ), and there is no newer one"; failed=1; }
done

[ -e crls/pending ] || exit "$failed"
{% if layout == "one" -%}
cat crls/root.pem crls/issuing.pem >"$work/crl.pem"
sync "$work/crl.pem"
mv "$work/crl.pem" crl.pem
[ "$#" -eq 0 ] || "$@"
{%- else if layout == "trust" -%}
cat root.pem crls/root.pem crls/issuing.pem >"$work/trust.pem"
sync "$work/trust.pem"
mv "$work/trust.pem" trust.pem
[ "$#" -eq 0 ] || "$@"
{%- else if layout == "each" -%}
mkdir -p x509crl
for name in root issuing; do
    cp "crls/$name.pem" "$work/$name.pem"
    sync "$work/$name.pem"
    mv "$work/$name.pem" "x509crl/$name.pem"
done
[ "$#" -eq 0 ] || "$@"
{%- else -%}
# FreeRADIUS reads no file twice. It looks for a list under the next number, though, and that without
# being told; so a new list is a new file. After fifty of them it begins anew, with a restart.
many=0
for name in root issuing; do
    hash=$(openssl crl -in "crls/$name.pem" -noout -hash)
    next=0
    while [ -e "trust/$hash.r$next" ]; do next=$((next + 1)); done
    if [ "$next" -gt 0 ] && cmp -s "crls/$name.pem" "trust/$hash.r$((next - 1))"; then continue; fi
    [ "$next" -lt 50 ] || many=1
    cp "crls/$name.pem" "$work/$name.pem"
    sync "$work/$name.pem"
    mv "$work/$name.pem" "trust/$hash.r$next"
done
if [ "$many" -eq 1 ]; then
    for name in root issuing; do
        hash=$(openssl crl -in "crls/$name.pem" -noout -hash)
        cp "crls/$name.pem" "$work/$name.pem"
        mv "$work/$name.pem" "trust/$hash.r0"
        find trust -name "$hash.r*" ! -name "$hash.r0" -delete
    done
    [ "$#" -eq 0 ] || "$@"
fi
{%- endif %}
rm crls/pending
exit "$failed"
