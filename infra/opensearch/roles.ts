// Who may do what in OpenSearch: the security plugin's users and roles, so that the one who writes the record cannot read or change it.
import { stringify } from "yaml";

/**
 * The users. `audit-writer` adds documents to the record and can do nothing else; `story-writer` writes the stories made of it, which it may
 * change, and has no part in the record; `audit-reader` searches both; `provisioner` puts the index templates and makes data stream and index;
 * `admin` may do everything and belongs to the person who runs the stack, no service has it.
 */
export const openSearchUsers = ["audit-writer", "story-writer", "audit-reader", "provisioner", "admin"] as const;
export type OpenSearchUser = (typeof openSearchUsers)[number];

/** One role in the plugin's own words. */
interface Role {
	readonly cluster_permissions: readonly string[];
	readonly index_permissions: readonly { readonly index_patterns: readonly string[]; readonly allowed_actions: readonly string[] }[];
	readonly tenant_permissions?: readonly { readonly tenant_patterns: readonly string[]; readonly allowed_actions: readonly string[] }[];
}

/** The role of people who read the record in OpenSearch Dashboards. No service has it; whoever the identity provider says is in the group of the same name does. */
export const auditorsRole = "auditors";
/** Where Dashboards keeps what auditors see: they look at it, and only an administrator changes it. */
export const auditorsTenant = "callgate";
export const openSearchTenants = { [auditorsTenant]: { description: "The dashboards of the record" } } as const;

/** The role that the plugin itself defines for administrators. */
const allAccess = "all_access";

/** Where the roles are for. */
export interface RecordPlaces {
	/** The data stream of the record. */
	readonly stream: string;
	/** The index of calls' stories. */
	readonly stories: string;
}

/** The roles, by the user or the group that has each. */
export function openSearchRoles({
	stream,
	stories,
}: RecordPlaces): Readonly<Record<Exclude<OpenSearchUser, "admin"> | typeof auditorsRole, Role>> {
	const on = (...index_patterns: string[]) => ({
		may: (allowed: readonly string[]): Role["index_permissions"] => [{ index_patterns, allowed_actions: allowed }],
	});
	return {
		"audit-writer": {
			// A bulk request is one action on the cluster and one per shard; each item in it is checked for its own action again.
			cluster_permissions: ["indices:data/write/bulk"],
			// On a data stream `index` can only create, which is what append-only rests on. No update, no delete, no search.
			index_permissions: on(stream).may(["indices:data/write/index", "indices:data/write/bulk*"]),
		},
		"story-writer": {
			cluster_permissions: ["indices:data/write/bulk", "indices:data/read/mget"],
			// Reads a story to write it again with more in it. No search, no delete.
			index_permissions: on(stories).may(["indices:data/write/index", "indices:data/write/bulk*", "indices:data/read/mget*"]),
		},
		"audit-reader": {
			cluster_permissions: [
				"indices:data/read/mget",
				"indices:data/read/msearch",
				"indices:data/read/scroll*",
				"indices:data/read/point_in_time/create",
				"indices:data/read/point_in_time/delete",
			],
			index_permissions: on(stream, stories).may([
				"indices:data/read/search",
				"indices:data/read/get",
				"indices:data/read/mget*",
				"indices:data/read/msearch*",
				"indices:data/read/point_in_time/create",
				"indices:data/read/point_in_time/delete",
				"indices:data/read/field_caps*",
				// Who follows the record is told of a place when everything before it is found. It changes no document.
				"indices:admin/refresh*",
				// How many copies there are and when they reach the disk: what an operator is told of the record's durability.
				"indices:monitor/settings/get",
			]),
		},
		[auditorsRole]: {
			// Dashboards asks for several panels at once, and gets several saved objects at once.
			cluster_permissions: ["indices:data/read/msearch", "indices:data/read/mget"],
			index_permissions: on(stream).may(["indices:data/read/search", "indices:data/read/msearch*", "indices:data/read/field_caps*"]),
			tenant_permissions: [{ tenant_patterns: [auditorsTenant], allowed_actions: ["kibana_all_read"] }],
		},
		provisioner: {
			cluster_permissions: [
				"cluster:monitor/health",
				"cluster:monitor/main",
				"indices:admin/index_template/put",
				"indices:admin/index_template/get",
			],
			index_permissions: on(stream, stories).may([
				"indices:admin/data_stream/create",
				"indices:admin/data_stream/get",
				"indices:admin/create",
				"indices:admin/mappings/get",
				"indices:admin/mapping/put",
				"indices:monitor/settings/get",
			]),
		},
	};
}

/** Who has a role: users of the plugin's own, or groups that the identity provider tells, in the plugin's own words. */
type RoleMapping = { readonly users: readonly OpenSearchUser[] } | { readonly backend_roles: readonly string[] };

export function openSearchRoleMappings(): Readonly<Record<string, RoleMapping>> {
	const own = openSearchUsers.filter((user) => user !== "admin").map((user) => [user, { users: [user] }] as const);
	return { ...Object.fromEntries(own), [allAccess]: { users: ["admin"] }, [auditorsRole]: { backend_roles: [auditorsRole] } };
}

/** What the security plugin reads from `config/opensearch-security/` when it first starts: the text of each file, by name. */
export function securityFiles(options: {
	readonly places: RecordPlaces;
	/** From `hashPassword`. */
	readonly passwordHashes: Readonly<Record<OpenSearchUser, string>>;
}): Readonly<Record<string, string>> {
	const users = Object.fromEntries(openSearchUsers.map((name) => [name, { hash: options.passwordHashes[name] }]));
	const basic = {
		http_enabled: true,
		transport_enabled: true,
		order: 0,
		http_authenticator: { type: "basic", challenge: true },
		authentication_backend: { type: "intern" },
	};
	const dynamic = { http: { anonymous_auth_enabled: false, xff: { enabled: false } }, authc: { basic } };
	return {
		"config.yml": file("config", { config: { dynamic } }),
		"internal_users.yml": file("internalusers", users),
		"roles.yml": file("roles", openSearchRoles(options.places)),
		"roles_mapping.yml": file("rolesmapping", openSearchRoleMappings()),
		"action_groups.yml": file("actiongroups", {}),
		"tenants.yml": file("tenants", openSearchTenants),
		"nodes_dn.yml": file("nodesdn", {}),
		"allowlist.yml": file("allowlist", { config: { enabled: false, requests: {} } }),
		// Callgate's record is its own; the plugin's audit log would store request bodies a second time.
		"audit.yml": file("audit", { config: { enabled: false } }),
	};
}

function file(type: string, content: object): string {
	return stringify({ _meta: { type, config_version: 2 }, ...content });
}
