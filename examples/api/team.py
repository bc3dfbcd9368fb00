"""Makes a group, puts somebody into it, and lets it into an application: pip install authentik-client."""

import os

import authentik_client as ak

configuration = ak.Configuration(host=os.environ["OSTIARY"] + "/api/v3", access_token=os.environ["TOKEN"])
with ak.ApiClient(configuration) as client:
    core, policies = ak.CoreApi(client), ak.PoliciesApi(client)
    editors = core.core_groups_create(ak.GroupRequest(name="editors"))
    ada = core.core_users_create(ak.UserRequest(username="ada", name="Ada Lovelace", groups=[editors.pk]))
    wiki = core.core_applications_retrieve("wiki")
    policies.policies_bindings_create(ak.PolicyBindingRequest(target=wiki.pbm_uuid, group=editors.pk, order=0))
    access = core.core_applications_check_access_retrieve("wiki", for_user=ada.pk)
    print(f"{ada.username} may open {wiki.name}: {access.passing}")
