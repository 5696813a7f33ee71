import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.contrib.postgres.search
import django.core.validators
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.text
import leads.models.user
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    initial = True

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
    ]

    operations = [
        migrations.CreateModel(
            name='ActivityKind',
            fields=[
                ('key', models.CharField(max_length=40, primary_key=True, serialize=False)),
                ('since', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='ApiKey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('label', models.CharField(help_text='Which system uses it.', max_length=80)),
                ('prefix', models.CharField(editable=False, max_length=12, unique=True)),
                ('digest', models.CharField(editable=False, max_length=64, unique=True)),
                ('scopes', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('leads:write', 'Send leads'), ('activities:write', 'Send activities'), ('outcomes:write', 'Send outcomes'), ('leads:read', 'Read leads and scores')], max_length=20), default=list, size=None)),
                ('rate_per_minute', models.PositiveIntegerField(default=6000, help_text='Requests a minute before the key is told to wait.')),
                ('source', models.CharField(blank=True, default='', help_text='Source of leads that name none.', max_length=80)),
                ('active', models.BooleanField(default=True)),
                ('created_at', models.DateTimeField(editable=False)),
                ('last_used_at', models.DateTimeField(blank=True, editable=False, null=True)),
            ],
            options={
                'verbose_name': 'API key',
                'ordering': ('label', 'pk'),
            },
        ),
        migrations.CreateModel(
            name='Asset',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.SlugField(help_text='Used in imports and the API; never changes.', max_length=60, unique=True)),
                ('name', models.CharField(max_length=120)),
                ('kind', models.CharField(help_text='The kind of activity it makes, such as whitepaper or webinar_attended.', max_length=40)),
                ('buying_stage', models.CharField(choices=[('awareness', 'Awareness'), ('consideration', 'Consideration'), ('decision', 'Decision')], default='awareness', max_length=14)),
                ('tags', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=40), blank=True, default=list, size=None)),
                ('pain_points', models.TextField(blank=True, help_text='Which pain it addresses, in words a rep can use.')),
                ('talk_track', models.TextField(blank=True, help_text='How a rep may open the conversation with someone who took it.')),
                ('url', models.URLField(blank=True)),
            ],
            options={
                'ordering': ('name',),
            },
        ),
        migrations.CreateModel(
            name='Campaign',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=120, unique=True)),
                ('channel', models.CharField(choices=[('web', 'Website'), ('search', 'Paid search'), ('social', 'Social media'), ('email', 'E-mail'), ('event', 'Event'), ('webinar', 'Webinar'), ('partner', 'Partner'), ('list', 'Bought list'), ('other', 'Other')], default='other', max_length=12)),
                ('cost', models.DecimalField(decimal_places=2, default=0, help_text="What it cost in all, in the company's currency.", max_digits=12)),
                ('starts_on', models.DateField(blank=True, null=True)),
                ('ends_on', models.DateField(blank=True, null=True)),
            ],
            options={
                'ordering': ('-starts_on', 'name'),
            },
        ),
        migrations.CreateModel(
            name='Lane',
            fields=[
                ('name', models.CharField(max_length=40, primary_key=True, serialize=False)),
                ('lease', models.UUIDField(blank=True, null=True)),
                ('lease_until', models.DateTimeField(blank=True, null=True)),
                ('served_at', models.DateTimeField(blank=True, null=True)),
                ('fails', models.PositiveIntegerField(default=0)),
                ('paused_until', models.DateTimeField(blank=True, null=True)),
                ('last_ok_at', models.DateTimeField(blank=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name='Lead',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('first_name', models.CharField(blank=True, default='', max_length=120)),
                ('last_name', models.CharField(blank=True, default='', max_length=120)),
                ('email', models.CharField(blank=True, default='', help_text='As it was given.', max_length=320, verbose_name='e-mail')),
                ('email_key', models.CharField(blank=True, default='', editable=False, max_length=320)),
                ('email_domain', models.CharField(blank=True, default='', editable=False, max_length=253)),
                ('email_usable', models.BooleanField(default=False, editable=False)),
                ('phone', models.CharField(blank=True, default='', help_text='As it was given.', max_length=60)),
                ('phone_e164', models.CharField(blank=True, default='', editable=False, max_length=16)),
                ('job_title', models.CharField(blank=True, default='', max_length=200)),
                ('seniority', models.CharField(blank=True, choices=[('owner', 'Owner or founder'), ('c_level', 'C level'), ('vp', 'Vice president'), ('director', 'Director or head'), ('manager', 'Manager'), ('staff', 'Staff'), ('intern', 'Intern or student')], default='', max_length=10)),
                ('department', models.CharField(blank=True, choices=[('executive', 'General management'), ('marketing', 'Marketing'), ('sales', 'Sales'), ('it', 'IT'), ('engineering', 'Engineering'), ('operations', 'Operations'), ('finance', 'Finance'), ('hr', 'Human resources'), ('purchasing', 'Purchasing'), ('legal', 'Legal'), ('support', 'Customer service'), ('research', 'Research'), ('other', 'Other')], default='', max_length=12)),
                ('title_corrected', models.BooleanField(default=False, help_text='Set by a person: a new title does not change them.', verbose_name='seniority and department corrected')),
                ('country', models.CharField(blank=True, default='', help_text='Two letters, such as DE.', max_length=2)),
                ('language', models.CharField(blank=True, default='', max_length=12)),
                ('first_source', models.CharField(blank=True, default='', max_length=80)),
                ('consent', models.CharField(choices=[('unknown', 'Not known'), ('given', 'Given'), ('refused', 'Refused or withdrawn')], default='unknown', max_length=8)),
                ('consent_at', models.DateTimeField(blank=True, null=True)),
                ('contactable', models.BooleanField(default=False)),
                ('contact_problem', models.CharField(blank=True, choices=[('no_contact', 'Neither e-mail nor phone'), ('bad_email', 'E-mail address cannot exist, no phone'), ('disposable_email', 'Throw-away e-mail address, no phone'), ('bad_phone', 'Phone number cannot exist, no e-mail'), ('bad_both', 'Neither e-mail nor phone can exist')], default='', max_length=16)),
                ('attributes', models.JSONField(blank=True, default=dict, help_text="The company's own fields by key.")),
                ('field_times', models.JSONField(blank=True, default=dict, editable=False, help_text='When a fact was last said, by registry key.')),
                ('stage', models.CharField(choices=[('inquiry', 'Inquiry'), ('prospect', 'Prospect'), ('mql', 'MQL'), ('sal', 'SAL'), ('sql', 'SQL'), ('rejected', 'Rejected'), ('won', 'Won'), ('lost', 'Lost'), ('recycled', 'Recycled'), ('disqualified', 'Disqualified')], default='inquiry', max_length=12)),
                ('stage_since', models.DateTimeField()),
                ('stage_reason', models.CharField(blank=True, default='', max_length=200)),
                ('return_on', models.DateField(blank=True, help_text='When a recycled lead comes back.', null=True)),
                ('engagement_from', models.DateTimeField(blank=True, help_text='Activity before this no longer counts.', null=True)),
                ('folded', models.JSONField(default=dict, editable=False)),
                ('sort_name', models.CharField(blank=True, default='', editable=False, max_length=250)),
                ('search', models.TextField(blank=True, default='', editable=False)),
                ('created_at', models.DateTimeField()),
                ('updated_at', models.DateTimeField()),
            ],
            options={
                'ordering': ('-created_at', '-pk'),
                'permissions': (('see_all_leads', 'See every lead'), ('see_team_leads', 'See the leads of the teams one manages'), ('import_leads', 'Import files of leads'), ('export_leads', 'Export lists of leads'), ('record_outcome', 'Record won and lost')),
            },
        ),
        migrations.CreateModel(
            name='Product',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.SlugField(help_text='Used in imports and the API; never changes.', max_length=40, unique=True)),
                ('name', models.CharField(max_length=80)),
                ('sales_priority', models.PositiveSmallIntegerField(default=3, help_text='1 is what sales wants most this quarter.', validators=[django.core.validators.MinValueValidator(1)])),
                ('active', models.BooleanField(default=True)),
            ],
            options={
                'ordering': ('sales_priority', 'name'),
            },
        ),
        migrations.CreateModel(
            name='Team',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=80, unique=True)),
            ],
            options={
                'ordering': ('name',),
            },
        ),
        migrations.CreateModel(
            name='ValueList',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.SlugField(max_length=40, unique=True)),
                ('label', models.CharField(max_length=80)),
            ],
            options={
                'ordering': ('label',),
            },
        ),
        migrations.CreateModel(
            name='User',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('password', models.CharField(max_length=128, verbose_name='password')),
                ('last_login', models.DateTimeField(blank=True, null=True, verbose_name='last login')),
                ('is_superuser', models.BooleanField(default=False, help_text='Designates that this user has all permissions without explicitly assigning them.', verbose_name='superuser status')),
                ('email', models.EmailField(help_text='The person signs in with it.', max_length=254, unique=True, verbose_name='e-mail address')),
                ('full_name', models.CharField(max_length=150, verbose_name='name')),
                ('is_active', models.BooleanField(default=True, help_text='Switch off instead of deleting: history keeps the name. Nobody inactive gets a lead.', verbose_name='may sign in')),
                ('time_zone', models.CharField(default='Europe/Berlin', help_text='Times are shown in this zone.', max_length=64, validators=[leads.models.user.check_time_zone])),
                ('theme', models.CharField(choices=[('auto', 'As the device'), ('light', 'Light'), ('dark', 'Dark')], default='auto', max_length=5)),
                ('mail_handoffs', models.BooleanField(default=True, verbose_name='mail about new leads')),
                ('mail_reminders', models.BooleanField(default=True, verbose_name='mail reminders before a deadline')),
                ('mail_urgent_any_time', models.BooleanField(default=False, help_text='Otherwise mail waits for working hours.', verbose_name='urgent mail at any hour')),
                ('single_key_shortcuts', models.BooleanField(default=True, verbose_name='single-key shortcuts')),
                ('created_at', models.DateTimeField(editable=False)),
                ('groups', models.ManyToManyField(blank=True, help_text='The groups this user belongs to. A user will get all permissions granted to each of their groups.', related_name='user_set', related_query_name='user', to='auth.group', verbose_name='groups')),
                ('user_permissions', models.ManyToManyField(blank=True, help_text='Specific permissions for this user.', related_name='user_set', related_query_name='user', to='auth.permission', verbose_name='user permissions')),
            ],
            options={
                'verbose_name': 'person',
                'verbose_name_plural': 'people',
                'ordering': ('full_name', 'pk'),
            },
        ),
        migrations.CreateModel(
            name='RateBucket',
            fields=[
                ('api_key', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='bucket', serialize=False, to='leads.apikey')),
                ('tokens', models.FloatField()),
                ('at', models.DateTimeField()),
            ],
        ),
        migrations.AddField(
            model_name='apikey',
            name='created_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.CreateModel(
            name='Company',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=200)),
                ('name_key', models.CharField(blank=True, default='', editable=False, help_text='The folded name.', max_length=200)),
                ('domain', models.CharField(blank=True, default='', help_text="Such as example.com: what its people's addresses end in.", max_length=253)),
                ('industry', models.CharField(blank=True, default='', max_length=120)),
                ('employees', models.PositiveIntegerField(blank=True, null=True)),
                ('revenue', models.DecimalField(blank=True, decimal_places=0, max_digits=15, null=True, verbose_name='yearly revenue')),
                ('country', models.CharField(blank=True, default='', help_text='Two letters, such as DE.', max_length=2)),
                ('is_customer', models.BooleanField(default=False, verbose_name='is a customer')),
                ('is_competitor', models.BooleanField(default=False, verbose_name='is a competitor')),
                ('folded', models.JSONField(default=dict, editable=False)),
                ('created_at', models.DateTimeField(editable=False)),
                ('updated_at', models.DateTimeField(editable=False)),
                ('account_owner', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='accounts', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name_plural': 'companies',
                'ordering': ('name_key', 'pk'),
            },
        ),
        migrations.CreateModel(
            name='Deletion',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('lead', 'Lead'), ('case', 'Case'), ('late', 'Late')], max_length=4)),
                ('row_id', models.BigIntegerField()),
                ('txid', models.BigIntegerField()),
            ],
            options={
                'indexes': [models.Index(fields=['txid'], name='deletion_txid')],
            },
        ),
        migrations.CreateModel(
            name='DoorBucket',
            fields=[
                ('key', models.CharField(max_length=64, primary_key=True, serialize=False)),
                ('tokens', models.FloatField()),
                ('at', models.DateTimeField()),
            ],
            options={
                'indexes': [models.Index(fields=['at'], name='doorbucket_age')],
            },
        ),
        migrations.CreateModel(
            name='Heartbeat',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('name', models.CharField(max_length=40)),
                ('host', models.CharField(blank=True, default='', max_length=120)),
                ('at', models.DateTimeField()),
                ('busy_until', models.DateTimeField(blank=True, null=True)),
                ('pgid', models.IntegerField(blank=True, null=True)),
                ('started_at', models.DateTimeField(blank=True, null=True)),
                ('token', models.CharField(blank=True, default='', max_length=64)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('name', 'host'), name='heartbeat_once')],
            },
        ),
        migrations.CreateModel(
            name='Incident',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('restart', 'Started again'), ('prevented', 'Kept from firing twice')], max_length=9)),
                ('name', models.CharField(max_length=40)),
                ('host', models.CharField(blank=True, default='', max_length=120)),
                ('at', models.DateTimeField()),
                ('number', models.PositiveIntegerField(default=1)),
            ],
            options={
                'ordering': ('-at', '-pk'),
                'indexes': [models.Index(fields=['at'], name='incident_at')],
            },
        ),
        migrations.CreateModel(
            name='IdempotentAnswer',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=200)),
                ('request_hash', models.CharField(max_length=64)),
                ('status', models.PositiveSmallIntegerField(null=True)),
                ('body', models.JSONField(null=True)),
                ('created_at', models.DateTimeField()),
                ('api_key', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='leads.apikey')),
            ],
        ),
        migrations.CreateModel(
            name='ImportRun',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('leads', 'Leads'), ('companies', 'Companies'), ('activities', 'Activities'), ('outcomes', 'Outcomes')], default='leads', max_length=10)),
                ('state', models.CharField(choices=[('uploaded', 'Columns to map'), ('mapped', 'To check'), ('checked', 'Ready to run'), ('running', 'Running'), ('stopped', 'Stopped'), ('done', 'Done'), ('failed', 'Failed'), ('undone', 'Undone')], default='uploaded', max_length=8)),
                ('file', models.FileField(max_length=300, upload_to='imports/%Y/%m/')),
                ('file_name', models.CharField(max_length=255)),
                ('file_size', models.BigIntegerField()),
                ('file_hash', models.CharField(db_index=True, max_length=64)),
                ('dialect', models.JSONField(blank=True, default=dict)),
                ('columns', models.JSONField(blank=True, default=list)),
                ('mapping', models.JSONField(blank=True, default=dict)),
                ('options', models.JSONField(blank=True, default=dict)),
                ('check_result', models.JSONField(blank=True, default=dict)),
                ('source', models.CharField(blank=True, default='', max_length=80)),
                ('received', models.PositiveIntegerField(default=0)),
                ('created', models.PositiveIntegerField(default=0)),
                ('updated', models.PositiveIntegerField(default=0)),
                ('attached', models.PositiveIntegerField(default=0)),
                ('refused', models.PositiveIntegerField(default=0)),
                ('cases', models.PositiveIntegerField(default=0)),
                ('error', models.TextField(blank=True, default='')),
                ('created_at', models.DateTimeField()),
                ('started_at', models.DateTimeField(blank=True, null=True)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('undone_at', models.DateTimeField(blank=True, null=True)),
                ('undo_result', models.JSONField(blank=True, default=dict)),
                ('campaign', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='leads.campaign')),
                ('corrects', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='corrections', to='leads.importrun')),
                ('created_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ('-created_at', '-pk'),
            },
        ),
        migrations.CreateModel(
            name='ImportRefusal',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('line', models.PositiveIntegerField()),
                ('content', models.JSONField()),
                ('problems', models.JSONField()),
                ('corrected_at', models.DateTimeField(blank=True, null=True)),
                ('run', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='refusals', to='leads.importrun')),
            ],
            options={
                'ordering': ('run_id', 'line'),
            },
        ),
        migrations.CreateModel(
            name='Job',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=20)),
                ('state', models.CharField(choices=[('queued', 'Waiting'), ('running', 'Running'), ('stopped', 'Stopped'), ('done', 'Done'), ('failed', 'Failed')], default='queued', max_length=8)),
                ('payload', models.JSONField(blank=True, default=dict)),
                ('position', models.BigIntegerField(default=0)),
                ('total', models.BigIntegerField(blank=True, null=True)),
                ('progress_text', models.CharField(blank=True, default='', max_length=200)),
                ('result', models.JSONField(blank=True, default=dict)),
                ('error', models.TextField(blank=True, default='')),
                ('stop_asked', models.BooleanField(default=False)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('lease', models.UUIDField(blank=True, null=True)),
                ('lease_until', models.DateTimeField(blank=True, null=True)),
                ('created_at', models.DateTimeField()),
                ('started_at', models.DateTimeField(blank=True, null=True)),
                ('finished_at', models.DateTimeField(blank=True, null=True)),
                ('created_by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ('-created_at', '-pk'),
            },
        ),
        migrations.AddField(
            model_name='importrun',
            name='job',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='leads.job'),
        ),
        migrations.CreateModel(
            name='LeadRevision',
            fields=[
                ('lead', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='revision', serialize=False, to='leads.lead')),
                ('rev', models.BigIntegerField(default=1)),
                ('txid', models.BigIntegerField()),
            ],
        ),
        migrations.AddField(
            model_name='lead',
            name='company',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='leads', to='leads.company'),
        ),
        migrations.AddField(
            model_name='lead',
            name='first_campaign',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='first_leads', to='leads.campaign'),
        ),
        migrations.AddField(
            model_name='lead',
            name='owner',
            field=models.ForeignKey(blank=True, help_text='The person responsible now.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='owned_leads', to=settings.AUTH_USER_MODEL),
        ),
        migrations.CreateModel(
            name='ExternalId',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('system', models.CharField(max_length=40)),
                ('value', models.CharField(max_length=200)),
                ('lead', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='external_ids', to='leads.lead')),
            ],
        ),
        migrations.CreateModel(
            name='Activity',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=40)),
                ('occurred_at', models.DateTimeField()),
                ('recorded_at', models.DateTimeField()),
                ('known_at', models.DateTimeField()),
                ('properties', models.JSONField(blank=True, default=dict)),
                ('source', models.CharField(blank=True, default='', max_length=80)),
                ('source_id', models.CharField(blank=True, default='', max_length=200)),
                ('asset', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='leads.asset')),
                ('campaign', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='leads.campaign')),
                ('lead', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='activities', to='leads.lead')),
            ],
            options={
                'verbose_name_plural': 'activities',
                'ordering': ('-occurred_at', '-pk'),
            },
        ),
        migrations.CreateModel(
            name='LeadEvent',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('created', 'Created'), ('updated', 'Facts changed'), ('stage', 'Stage changed'), ('owner', 'Owner changed'), ('outcome', 'Outcome recorded'), ('note', 'Note'), ('merged', 'Merged'), ('undone', 'Import undone'), ('handoff', 'Hand-off')], max_length=8)),
                ('at', models.DateTimeField()),
                ('act_id', models.UUIDField(default=uuid.uuid4, editable=False)),
                ('changes', models.JSONField(default=dict, help_text='By registry key: [old, new].')),
                ('reason', models.CharField(blank=True, default='', max_length=200)),
                ('actor', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('lead', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='events', to='leads.lead')),
            ],
            options={
                'ordering': ('-at', '-pk'),
            },
        ),
        migrations.CreateModel(
            name='LeadField',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(help_text='Used in imports and the API; never changes.', max_length=40, unique=True, validators=[django.core.validators.RegexValidator('^[a-z][a-z0-9_]{0,39}$', 'Small letters, digits and _ only, a letter first.')])),
                ('label', models.CharField(max_length=80)),
                ('help', models.CharField(blank=True, max_length=200)),
                ('type', models.CharField(choices=[('text', 'Text'), ('number', 'Number'), ('boolean', 'Yes or no'), ('date', 'Date'), ('choice', 'One of a list'), ('multi', 'Several of a list')], max_length=8)),
                ('choices', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=120), blank=True, default=list, help_text='For lists: the values, in order.', size=None)),
                ('known', models.CharField(choices=[('intake', 'When the lead comes in'), ('decision', 'By the time sales decides'), ('after', 'Only after contact')], default='intake', help_text='What is learnt only after contact cannot be scored.', max_length=8, verbose_name='when known')),
                ('personal', models.BooleanField(default=False, help_text="Never enters the preview's files; erased with the person.", verbose_name='personal data')),
                ('active', models.BooleanField(default=True)),
                ('position', models.PositiveIntegerField(default=0)),
            ],
            options={
                'verbose_name': 'custom field',
                'ordering': ('position', 'label', 'pk'),
                'constraints': [models.CheckConstraint(condition=models.Q(('key__regex', '^[a-z][a-z0-9_]{0,39}$')), name='leadfield_key_shape')],
            },
        ),
        migrations.CreateModel(
            name='LeadNote',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('text', models.TextField(max_length=5000)),
                ('at', models.DateTimeField()),
                ('author', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('lead', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='notes', to='leads.lead')),
            ],
            options={
                'ordering': ('-at', '-pk'),
            },
        ),
        migrations.CreateModel(
            name='Notice',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(max_length=40)),
                ('subject_id', models.BigIntegerField()),
                ('title', models.CharField(max_length=200)),
                ('lines', models.JSONField(default=list, help_text='What changed, sentence by sentence.')),
                ('url', models.CharField(blank=True, default='', max_length=200)),
                ('at', models.DateTimeField()),
                ('by', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ('-at', '-pk'),
                'permissions': (('remind_notice', 'Remind people of a notice'),),
            },
        ),
        migrations.CreateModel(
            name='NoticeReceipt',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('acknowledged_at', models.DateTimeField(blank=True, null=True)),
                ('reminded_at', models.DateTimeField(blank=True, null=True)),
                ('notice', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='receipts', to='leads.notice')),
                ('user', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='notices', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='Outbox',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('key', models.CharField(max_length=200, unique=True)),
                ('kind', models.CharField(max_length=60)),
                ('channel', models.CharField(choices=[('inapp', 'In the portal'), ('mail', 'Mail'), ('webhook', 'Webhook'), ('work', 'Work')], max_length=8)),
                ('lane', models.CharField(max_length=40)),
                ('endpoint', models.CharField(blank=True, default='', max_length=40)),
                ('handoff_id', models.BigIntegerField(blank=True, null=True)),
                ('timer_id', models.BigIntegerField(blank=True, null=True)),
                ('epoch', models.IntegerField(blank=True, null=True)),
                ('payload', models.JSONField(blank=True, default=dict)),
                ('due_at', models.DateTimeField()),
                ('created_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField(blank=True, null=True)),
                ('urgent', models.BooleanField(default=False)),
                ('digest_key', models.CharField(blank=True, default='', max_length=120)),
                ('batch', models.CharField(blank=True, default='', max_length=200)),
                ('state', models.CharField(choices=[('pending', 'Waiting'), ('leased', 'Being sent'), ('sent', 'Sent'), ('dead', 'Could not be sent'), ('dropped', 'No longer needed')], default='pending', max_length=8)),
                ('attempts', models.PositiveSmallIntegerField(default=0)),
                ('crashes', models.PositiveSmallIntegerField(default=0)),
                ('next_attempt_at', models.DateTimeField(blank=True, null=True)),
                ('lease', models.UUIDField(blank=True, null=True)),
                ('sent_at', models.DateTimeField(blank=True, null=True)),
                ('seen_at', models.DateTimeField(blank=True, null=True)),
                ('last_error', models.TextField(blank=True, default='')),
                ('log', models.JSONField(blank=True, default=list)),
                ('recipient', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='messages', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'verbose_name': 'message',
                'ordering': ('-id',),
            },
        ),
        migrations.AddField(
            model_name='lead',
            name='product_interest',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='leads', to='leads.product'),
        ),
        migrations.AddField(
            model_name='campaign',
            name='product',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='campaigns', to='leads.product'),
        ),
        migrations.AddField(
            model_name='asset',
            name='product',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='assets', to='leads.product'),
        ),
        migrations.CreateModel(
            name='Reason',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('code', models.SlugField(help_text='Used in the API and imports; never changes.', max_length=40, unique=True)),
                ('label', models.CharField(max_length=80)),
                ('field_keys', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=60), blank=True, default=list, help_text='Facts this reason speaks about, such as company.employees.', size=None)),
                ('for_reject', models.BooleanField(default=True, verbose_name='offered when rejecting')),
                ('for_lost', models.BooleanField(default=False, verbose_name='offered when lost')),
                ('needs_words', models.BooleanField(default=False, verbose_name='needs words')),
                ('hint', models.CharField(blank=True, default='', help_text='Shown under the reason to whoever chooses it.', max_length=160)),
                ('active', models.BooleanField(default=True)),
                ('position', models.PositiveIntegerField(default=0)),
                ('parent', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='children', to='leads.reason')),
            ],
            options={
                'ordering': ('position', 'label'),
            },
        ),
        migrations.CreateModel(
            name='Case',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('decision', 'Decision by a rep'), ('closed', 'Closed without a decision'), ('imported', 'Imported outcome')], max_length=8)),
                ('decided_at', models.DateTimeField()),
                ('facts', models.JSONField(help_text='Core, company and custom facts by registry key.')),
                ('engagement_from', models.DateTimeField(blank=True, null=True)),
                ('basis', models.CharField(choices=[('decision', 'As of the decision'), ('import', 'As of the import')], default='decision', max_length=8)),
                ('has_activity', models.BooleanField(default=True)),
                ('score', models.JSONField(blank=True, help_text='Model, version, fit, engagement and tier at the decision.', null=True)),
                ('outcome', models.CharField(choices=[('unknown', 'Not known yet'), ('rejected', 'Rejected'), ('working', 'Being worked'), ('lost', 'Lost'), ('won', 'Won'), ('closed_unworked', 'Closed unworked')], default='unknown', max_length=16)),
                ('outcome_at', models.DateTimeField(blank=True, null=True)),
                ('amount', models.DecimalField(blank=True, decimal_places=2, max_digits=14, null=True)),
                ('txid', models.BigIntegerField(db_default=models.Func(function='txid_current'), editable=False)),
                ('lead', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='cases', to='leads.lead')),
                ('reason', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='leads.reason')),
            ],
            options={
                'ordering': ('-decided_at', '-pk'),
            },
        ),
        migrations.CreateModel(
            name='Submission',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('channel', models.CharField(max_length=12)),
                ('kind', models.CharField(max_length=12)),
                ('source', models.CharField(blank=True, default='', max_length=80)),
                ('received_at', models.DateTimeField()),
                ('raw', models.JSONField()),
                ('status', models.CharField(choices=[('created', 'Created'), ('updated', 'Updated'), ('attached', 'Known already, attached'), ('refused', 'Refused')], max_length=8)),
                ('problems', models.JSONField(blank=True, default=list)),
                ('line', models.PositiveIntegerField(blank=True, null=True)),
                ('api_key', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='leads.apikey')),
                ('campaign', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='submissions', to='leads.campaign')),
                ('import_run', models.ForeignKey(blank=True, db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='submissions', to='leads.importrun')),
                ('lead', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='submissions', to='leads.lead')),
            ],
            options={
                'ordering': ('-received_at', '-pk'),
            },
        ),
        migrations.CreateModel(
            name='TeamMember',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('is_manager', models.BooleanField(default=False, help_text="Sees the team's leads and hears of breaches.", verbose_name='manages the team')),
                ('team', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to='leads.team')),
                ('user', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='memberships', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'ordering': ('team_id', '-is_manager', 'user_id'),
            },
        ),
        migrations.AddField(
            model_name='team',
            name='members',
            field=models.ManyToManyField(related_name='teams', through='leads.TeamMember', to=settings.AUTH_USER_MODEL),
        ),
        migrations.CreateModel(
            name='ValueListRevision',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('no', models.PositiveIntegerField()),
                ('values', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=200), size=None)),
                ('created_at', models.DateTimeField()),
                ('list', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='revisions', to='leads.valuelist')),
            ],
            options={
                'ordering': ('list_id', '-no'),
            },
        ),
        migrations.AddConstraint(
            model_name='user',
            constraint=models.CheckConstraint(condition=models.Q(('email', django.db.models.functions.text.Lower('email'))), name='user_email_lower'),
        ),
        migrations.AddIndex(
            model_name='company',
            index=models.Index(fields=['name_key'], name='company_name_key', opclasses=('text_pattern_ops',)),
        ),
        migrations.AddConstraint(
            model_name='company',
            constraint=models.UniqueConstraint(condition=models.Q(('domain', ''), _negated=True), fields=('domain',), name='company_domain_unique', violation_error_message='There is a company with this domain already.'),
        ),
        migrations.AddConstraint(
            model_name='company',
            constraint=models.UniqueConstraint(condition=models.Q(('domain', ''), models.Q(('name_key', ''), _negated=True)), fields=('name_key',), name='company_name_unique_without_domain'),
        ),
        migrations.AddIndex(
            model_name='idempotentanswer',
            index=models.Index(fields=['created_at'], name='idempotentanswer_age'),
        ),
        migrations.AddConstraint(
            model_name='idempotentanswer',
            constraint=models.UniqueConstraint(fields=('api_key', 'key'), name='idempotentanswer_once'),
        ),
        migrations.AddConstraint(
            model_name='importrefusal',
            constraint=models.UniqueConstraint(fields=('run', 'line'), name='importrefusal_once'),
        ),
        migrations.AddIndex(
            model_name='job',
            index=models.Index(condition=models.Q(('state__in', ('queued', 'running'))), fields=['id'], name='job_open'),
        ),
        migrations.AddConstraint(
            model_name='job',
            constraint=models.CheckConstraint(condition=models.Q(('state', 'running'), ('lease__isnull', True), _connector='OR'), name='job_lease_when_running'),
        ),
        migrations.AddConstraint(
            model_name='job',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ('queued', 'running', 'stopped', 'done', 'failed'))), name='job_state_known'),
        ),
        migrations.AddConstraint(
            model_name='importrun',
            constraint=models.CheckConstraint(condition=models.Q(('received', django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(models.F('created'), '+', models.F('updated')), '+', models.F('attached')), '+', models.F('refused')))), name='importrun_adds_up'),
        ),
        migrations.AddConstraint(
            model_name='importrun',
            constraint=models.CheckConstraint(condition=models.Q(('state__in', ('uploaded', 'mapped', 'checked', 'running', 'stopped', 'done', 'failed', 'undone'))), name='importrun_state_known'),
        ),
        migrations.AddIndex(
            model_name='leadrevision',
            index=models.Index(fields=['txid'], name='leadrevision_txid'),
        ),
        migrations.AddConstraint(
            model_name='externalid',
            constraint=models.UniqueConstraint(fields=('system', 'value'), name='externalid_once'),
        ),
        migrations.AddIndex(
            model_name='activity',
            index=models.Index(fields=['lead', 'kind', 'occurred_at'], include=('id', 'known_at', 'asset', 'campaign'), name='activity_lead_kind'),
        ),
        migrations.AddConstraint(
            model_name='activity',
            constraint=models.UniqueConstraint(condition=models.Q(('source_id', ''), _negated=True), fields=('source', 'source_id'), name='activity_source_once'),
        ),
        migrations.AddConstraint(
            model_name='activity',
            constraint=models.CheckConstraint(condition=models.Q(('kind__regex', '^[a-z][a-z0-9_]{0,39}$')), name='activity_kind_shape'),
        ),
        migrations.AddIndex(
            model_name='leadevent',
            index=models.Index(fields=['lead', '-at'], name='leadevent_lead'),
        ),
        migrations.AddConstraint(
            model_name='notice',
            constraint=models.UniqueConstraint(fields=('kind', 'subject_id'), name='notice_once'),
        ),
        migrations.AddIndex(
            model_name='noticereceipt',
            index=models.Index(condition=models.Q(('acknowledged_at__isnull', True)), fields=['user'], name='notice_open'),
        ),
        migrations.AddConstraint(
            model_name='noticereceipt',
            constraint=models.UniqueConstraint(fields=('notice', 'user'), name='noticereceipt_once'),
        ),
        migrations.AddIndex(
            model_name='outbox',
            index=models.Index(condition=models.Q(('next_attempt_at__isnull', False)), fields=['lane', 'next_attempt_at', 'id'], name='outbox_due'),
        ),
        migrations.AddIndex(
            model_name='outbox',
            index=models.Index(condition=models.Q(('state', 'pending')), fields=['digest_key'], name='outbox_digest'),
        ),
        migrations.AddIndex(
            model_name='outbox',
            index=models.Index(condition=models.Q(('channel', 'inapp'), ('seen_at__isnull', True)), fields=['recipient', 'id'], name='outbox_unseen'),
        ),
        migrations.AddIndex(
            model_name='outbox',
            index=models.Index(condition=models.Q(('channel', 'inapp')), fields=['recipient', '-id'], name='outbox_bell'),
        ),
        migrations.AddIndex(
            model_name='outbox',
            index=models.Index(condition=models.Q(('state', 'dead')), fields=['channel', 'id'], name='outbox_dead'),
        ),
        migrations.AddIndex(
            model_name='outbox',
            index=models.Index(condition=models.Q(('handoff_id__isnull', False)), fields=['handoff_id'], name='outbox_handoff'),
        ),
        migrations.AddConstraint(
            model_name='outbox',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('next_attempt_at__isnull', False), ('state__in', ('pending', 'leased'))), models.Q(models.Q(('state__in', ('pending', 'leased')), _negated=True), ('next_attempt_at__isnull', True)), _connector='OR'), name='outbox_next_while_open'),
        ),
        migrations.AddIndex(
            model_name='lead',
            index=models.Index(fields=['-created_at', '-id'], include=('stage', 'first_source'), name='lead_list_newest'),
        ),
        migrations.AddIndex(
            model_name='lead',
            index=models.Index(fields=['stage', '-created_at', '-id'], name='lead_list_stage'),
        ),
        migrations.AddIndex(
            model_name='lead',
            index=models.Index(fields=['owner', '-created_at', '-id'], name='lead_list_owner'),
        ),
        migrations.AddIndex(
            model_name='lead',
            index=models.Index(fields=['country', '-created_at'], name='lead_list_country'),
        ),
        migrations.AddIndex(
            model_name='lead',
            index=models.Index(fields=['first_campaign', '-created_at'], name='lead_list_campaign'),
        ),
        migrations.AddIndex(
            model_name='lead',
            index=models.Index(fields=['first_source', '-created_at'], name='lead_list_source'),
        ),
        migrations.AddIndex(
            model_name='lead',
            index=models.Index(condition=models.Q(('contact_problem', ''), _negated=True), fields=['contact_problem', '-created_at'], name='lead_list_unreachable'),
        ),
        migrations.AddIndex(
            model_name='lead',
            index=models.Index(fields=['sort_name', 'id'], name='lead_list_name'),
        ),
        migrations.AddIndex(
            model_name='lead',
            index=django.contrib.postgres.indexes.GinIndex(django.contrib.postgres.search.SearchVector('search', config='simple'), name='lead_search_words'),
        ),
        migrations.AddIndex(
            model_name='lead',
            index=models.Index(condition=models.Q(('phone_e164', ''), _negated=True), fields=['phone_e164'], name='lead_phone'),
        ),
        migrations.AddIndex(
            model_name='lead',
            index=django.contrib.postgres.indexes.GinIndex(fields=['attributes'], name='lead_attributes', opclasses=('jsonb_path_ops',)),
        ),
        migrations.AddConstraint(
            model_name='lead',
            constraint=models.UniqueConstraint(condition=models.Q(('email_key', ''), _negated=True), fields=('email_key',), name='lead_email_unique'),
        ),
        migrations.AddConstraint(
            model_name='lead',
            constraint=models.CheckConstraint(condition=models.Q(('stage__in', ['inquiry', 'prospect', 'mql', 'sal', 'sql', 'rejected', 'won', 'lost', 'recycled', 'disqualified'])), name='lead_stage_known'),
        ),
        migrations.AddConstraint(
            model_name='lead',
            constraint=models.CheckConstraint(condition=models.Q(('contactable', True), models.Q(('contact_problem', ''), _negated=True), _connector='XOR'), name='lead_contact_problem_named'),
        ),
        migrations.AddConstraint(
            model_name='lead',
            constraint=models.CheckConstraint(condition=models.Q(('contactable', True), models.Q(('stage__in', ('prospect', 'mql')), _negated=True), _connector='OR'), name='lead_prospect_reachable'),
        ),
        migrations.AddConstraint(
            model_name='campaign',
            constraint=models.CheckConstraint(condition=models.Q(('ends_on__gte', models.F('starts_on'))), name='campaign_ends_after_start', violation_error_message='A campaign ends on or after the day it starts.'),
        ),
        migrations.AddConstraint(
            model_name='campaign',
            constraint=models.CheckConstraint(condition=models.Q(('cost__gte', 0)), name='campaign_cost_not_negative', violation_error_message='A campaign costs nothing or more, never less.'),
        ),
        migrations.AddConstraint(
            model_name='reason',
            constraint=models.CheckConstraint(condition=models.Q(('parent', models.F('pk')), _negated=True), name='reason_not_its_own_parent'),
        ),
        migrations.AddIndex(
            model_name='case',
            index=models.Index(fields=['lead', 'decided_at'], name='case_lead'),
        ),
        migrations.AddIndex(
            model_name='case',
            index=models.Index(fields=['txid'], name='case_txid'),
        ),
        migrations.AddConstraint(
            model_name='case',
            constraint=models.CheckConstraint(condition=models.Q(('amount__gte', 0)), name='case_amount_not_negative'),
        ),
        migrations.AddConstraint(
            model_name='case',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['decision', 'closed', 'imported'])), name='case_kind_known'),
        ),
        migrations.AddConstraint(
            model_name='case',
            constraint=models.CheckConstraint(condition=models.Q(('outcome__in', ['unknown', 'rejected', 'working', 'lost', 'won', 'closed_unworked'])), name='case_outcome_known'),
        ),
        migrations.AddConstraint(
            model_name='case',
            constraint=models.CheckConstraint(condition=models.Q(('basis__in', ['decision', 'import'])), name='case_basis_known'),
        ),
        migrations.AddIndex(
            model_name='submission',
            index=models.Index(condition=models.Q(('import_run__isnull', False)), fields=['import_run', 'line'], name='submission_run_line'),
        ),
        migrations.AddConstraint(
            model_name='submission',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ('created', 'updated', 'attached', 'refused'))), name='submission_status_known'),
        ),
        migrations.AddConstraint(
            model_name='teammember',
            constraint=models.UniqueConstraint(fields=('team', 'user'), name='teammember_once'),
        ),
        migrations.AddConstraint(
            model_name='valuelistrevision',
            constraint=models.UniqueConstraint(fields=('list', 'no'), name='valuelistrevision_once'),
        ),
    ]
